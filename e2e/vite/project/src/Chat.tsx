import { ticketSource } from '@wsticket/client';
import { useTicketSocket } from '@wsticket/client/react';
import { useEffect, useState } from 'react';

const source = ticketSource(`${import.meta.env.VITE_API}/ws-ticket`, {
  bearer: async ({ signal }) => (await fetch('/sign-in', { method: 'POST', signal })).text(),
});

let effects = 0; // for the test: StrictMode runs them twice where React is built for development

export function Chat() {
  const [signedIn, setSignedIn] = useState(true);
  const { socket, state, why } = useTicketSocket(signedIn && source);
  const [heard, hear] = useState<string[]>([]);

  useEffect(() => {
    document.documentElement.dataset['effects'] = String(++effects);
  }, []);

  useEffect(() => {
    if (!socket) return;
    const listener = ({ data }: MessageEvent) => hear((before) => [...before, String(data)]);
    socket.addEventListener('message', listener);
    return () => socket.removeEventListener('message', listener);
  }, [socket]);

  return (
    <main>
      <output>{[state, why].join(' ').trim()}</output>
      <button type="button" disabled={state !== 'open'} onClick={() => socket?.send('hello from React')}>
        Say hello
      </button>
      <button type="button" onClick={() => setSignedIn(!signedIn)}>
        {signedIn ? 'Sign out' : 'Sign in'}
      </button>
      <ul>
        {heard.map((text, n) => (
          <li key={n}>{text}</li>
        ))}
      </ul>
    </main>
  );
}
