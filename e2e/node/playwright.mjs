// For scripts outside of this folder, which do not find its packages.
export { chromium } from 'playwright-core';
