// For scripts outside this folder, which cannot import its packages.
export { chromium } from 'playwright-core';
