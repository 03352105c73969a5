import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';

import { Chat } from './Chat';

const root = document.querySelector('#root');
if (!root) throw new Error('no #root');
createRoot(root).render(
  <StrictMode>
    <Chat />
  </StrictMode>,
);
