import { createHash } from 'node:crypto';
import { Controller, Get, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';

const STYLE = `
body { font: 16px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 40rem; padding: 1rem; color: #1f2328; }
label { display: block; margin: .5rem 0; }
input[type=text], select { font: inherit; width: 100%; box-sizing: border-box; padding: .3rem; }
button { font: inherit; padding: .4rem 1.5rem; margin-top: 1rem; }
code { overflow-wrap: anywhere; }
`;

/** Takes the labels from the address, writes them as text only, and posts as any client of the API does. */
const SCRIPT = `
'use strict';
const at = (id) => document.getElementById(id);
let labels = [];
try {
  labels = Object.entries(JSON.parse(new URLSearchParams(location.search).get('labels') || '{}'));
} catch {}
labels = labels.filter(([, value]) => typeof value === 'string' && value !== '');
for (const [name, value] of labels) {
  const line = document.createElement('label');
  const box = document.createElement('input');
  const text = document.createElement('code');
  box.type = 'checkbox';
  box.checked = true;
  text.textContent = ' ' + name + '=' + JSON.stringify(value);
  line.append(box, text);
  at('matchers').append(line);
}
if (labels.length === 0) at('answer').textContent = 'The address of this page names no labels.';
at('form').addEventListener('submit', async (event) => {
  event.preventDefault();
  const boxes = at('matchers').querySelectorAll('input');
  const matchers = labels
    .filter((_, i) => boxes[i].checked)
    .map(([name, value]) => ({ name, value, isRegex: false, isEqual: true }));
  const startsAt = new Date();
  const endsAt = new Date(startsAt.getTime() + Number(at('hours').value) * 3600000);
  at('answer').textContent = '…';
  try {
    const response = await fetch('api/v2/silences', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({
        matchers, startsAt, endsAt, createdBy: at('author').value, comment: at('comment').value,
      }),
    });
    const body = await response.json();
    at('answer').textContent = response.ok
      ? 'Silenced until ' + endsAt.toLocaleString() + ' (' + body.silenceID + ').'
      : 'Refused: ' + (typeof body === 'string' ? body : JSON.stringify(body));
  } catch (error) {
    at('answer').textContent = 'The engine did not answer: ' + error.message;
  }
});
`;

const PAGE = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Silence an alert</title><style>${STYLE}</style></head>
<body><h1>Silence an alert</h1>
<form id="form"><fieldset id="matchers"><legend>Alerts with all of</legend></fieldset>
<label>For <select id="hours"><option value="1">1 hour</option><option value="4">4 hours</option>
<option value="24">1 day</option><option value="168">1 week</option></select></label>
<label>Your name <input type="text" id="author" required></label>
<label>Why <input type="text" id="comment" required></label>
<button>Silence</button></form><p id="answer" role="status"></p>
<script>${SCRIPT}</script></body></html>
`;

function hashOf(text: string): string {
  return `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
}

const POLICY = [
  "default-src 'none'",
  `script-src ${hashOf(SCRIPT)}`,
  `style-src ${hashOf(STYLE)}`,
  "connect-src 'self'",
  "form-action 'none'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** Where the link "Silence" in messages leads: a form over the API of silences. */
@Controller()
export class SilencePageController {
  @Get('silence')
  show(@Res() reply: FastifyReply): void {
    void reply
      .header('Content-Type', 'text/html; charset=utf-8')
      .header('Content-Security-Policy', POLICY)
      .header('Referrer-Policy', 'no-referrer')
      .send(PAGE);
  }
}
