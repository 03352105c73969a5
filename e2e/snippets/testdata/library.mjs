// Uses the page of docs/library.md: connects, sends, and tries a wrong JWT. Prints what
// the page shows.
import { given, visit } from './browser.mjs';

await visit(async (page) => {
  await page.goto(given.url);
  await page.fill('[name=jwt]', given.jwt);
  await page.click('text=Connect');
  await page.waitForFunction(() => document.querySelector('#log').textContent.includes('hello'));
  await page.click('#send');
  await page.waitForFunction(() => document.querySelector('#log').textContent.includes('ping'));
  await page.fill('[name=jwt]', given.wrong);
  await page.click('text=Connect');
  await page.waitForFunction(() => document.querySelector('#log').textContent.includes('401'));
  console.log(await page.textContent('#log'));
});
