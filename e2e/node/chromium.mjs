// How every test starts Chromium. Scripts outside this folder cannot import its
// packages.
import { spawn } from 'node:child_process';
import { once } from 'node:events';

import { chromium } from 'playwright-core';

const flags = ['--disable-gpu', '--disable-quic'];

// start starts the Chromium at a path with a folder for its profile. It tries again if
// Chromium ends before it has its first page, which was seen once on a busy machine.
export async function start(executablePath, profile, args = []) {
  const open = () =>
    chromium.launchPersistentContext(profile, {
      executablePath,
      headless: true,
      chromiumSandbox: false, // root cannot use it
      args: [...flags, ...args],
    });
  const context = await open().catch(open);
  return { context, stop: () => context.close() };
}

// startReal is start without what Playwright changes in each page: here a tab is hidden
// when another one is in front, can be frozen, and goes into the back/forward cache.
export async function startReal(executablePath, profile, args = []) {
  const open = () => listening(executablePath, profile, args);
  const { ended, endpoint } = await open().catch(open);
  const browser = await chromium.connectOverCDP(endpoint, { noDefaults: true });
  const devtools = await browser.newBrowserCDPSession();
  const stop = async () => {
    await devtools.send('Browser.close').catch(() => {}); // it may end before it answers
    await ended; // until then it writes what it keeps
  };
  return { context: browser.contexts()[0], stop };
}

// listening starts the Chromium itself, and waits until it says where it listens.
function listening(executablePath, profile, args) {
  const own = ['--headless', '--no-sandbox', '--no-first-run', '--disable-background-networking', '--disable-sync'];
  const debug = ['--remote-debugging-port=0', `--user-data-dir=${profile}`];
  const chrome = spawn(executablePath, [...flags, ...own, ...debug, ...args, 'about:blank'], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  process.once('exit', () => chrome.kill('SIGKILL'));
  const ended = once(chrome, 'exit');
  return new Promise((resolve, reject) => {
    let text = '';
    chrome.once('error', reject);
    chrome.once('exit', (code) => reject(new Error(`chromium ended with ${code}: ${text}`)));
    chrome.stderr.setEncoding('utf8').on('data', (data) => {
      if (text.length < 10_000) text += data;
      const endpoint = /DevTools listening on (ws:\S+)/.exec(text)?.[1];
      if (endpoint) resolve({ ended, endpoint });
    });
  });
}
