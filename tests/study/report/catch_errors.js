// SPDX-License-Identifier: Apache-2.0
// Goes in front of everything else in the page: keeps what goes wrong.
'use strict';
const caught = [];
addEventListener('error', (event) => caught.push(`error: ${event.message ?? event.target?.tagName}`), true);
addEventListener('unhandledrejection', (event) => caught.push(`rejection: ${event.reason}`));
addEventListener('securitypolicyviolation', (event) => caught.push(`blocked: ${event.blockedURI}`));
for (const kind of ['error', 'warn']) {
  const original = console[kind];
  console[kind] = (...words) => { caught.push(`console.${kind}: ${words.join(' ')}`); original.apply(console, words); };
}
