// How every test starts Chromium. Scripts outside this folder cannot import its
// packages.
import { chromium } from 'playwright-core';

// start starts the Chromium at a path with a folder for its profile. It tries again if
// Chromium ends before it has its first page, which was seen once on a busy machine.
export function start(executablePath, profile, args = []) {
  const open = () =>
    chromium.launchPersistentContext(profile, {
      executablePath,
      headless: true,
      chromiumSandbox: false, // root cannot use it
      args: ['--disable-gpu', '--disable-quic', ...args],
    });
  return open().catch(open);
}
