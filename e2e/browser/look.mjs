// How a page looks. Where the world has a folder for screenshots, pictures of it are put
// there, for a person.
import assert from 'node:assert/strict';

import axe from '../node/axe.mjs';
import { world } from './browser.mjs';

const sizes = { wide: { width: 1280, height: 900 }, narrow: { width: 390, height: 844 } };

// look looks at a page in light and dark, wide and narrow: axe finds nothing, and nothing
// is wider than the window.
export async function look(page, name) {
  await page.evaluate(axe);
  for (const [size, viewport] of Object.entries(sizes)) {
    await page.setViewportSize(viewport);
    for (const colorScheme of ['light', 'dark']) {
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
      const where = `${name}-${colorScheme}-${size}`;
      await wantAccessible(page, where);
      await wantNoOverflow(page, where);
      if (world.screenshots) await take(page, where);
    }
  }
  await page.setViewportSize(sizes.wide);
}

async function wantAccessible(page, where) {
  const { violations } = await page.evaluate(() => globalThis.axe.run({ resultTypes: ['violations'] }));
  const told = violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`);
  assert.deepEqual(told, [], `axe about ${where}`);
}

// wantNoOverflow checks that nobody has to scroll to the side.
export async function wantNoOverflow(page, where) {
  const [all, window] = await page.evaluate(() => {
    const { scrollWidth, clientWidth } = document.documentElement;
    return [scrollWidth, clientWidth];
  });
  assert.ok(all <= window, `${where} is ${all} wide in a window of ${window}`);
}

// take takes a picture of the whole page, whose sticky parts are at its top, or of a dialog
// and what is behind it.
async function take(page, where) {
  await page.evaluate(() => scrollTo(0, 0));
  const fullPage = (await page.locator('dialog[open]').count()) === 0;
  await page.screenshot({ path: `${world.screenshots}/${where}.png`, fullPage });
}
