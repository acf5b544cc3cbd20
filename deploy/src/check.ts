// `npm run manifests`: renders every overlay and component, checks them and says how large they are. With --write the
// files that are generated are written first.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { generatedFiles } from './generated.ts';
import type { Manifest } from './manifest.ts';
import { figuresOf, overlayFindings } from './overlay-rules.ts';
import {
  componentNames,
  DEFAULT_OVERLAY,
  overlayNames,
  renderComponents,
  renderOverlay,
} from './render.ts';

const root = join(import.meta.dirname, '..', '..');
let findings = 0;

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

function find(place: string, text: string): void {
  findings++;
  say(`${place}: ${text}`);
}

for (const [file, text] of generatedFiles()) {
  if (process.argv.includes('--write')) {
    writeFileSync(join(root, file), text);
  } else if (readFileSync(join(root, file), 'utf8') !== text) {
    find(file, 'is not what is generated; run npm run manifests -- --write');
  }
}

function check(name: string, isDefault: boolean, render: () => readonly Manifest[]): void {
  const objects = render();
  const { images, largest } = figuresOf(objects);
  say(
    `${name}: ${String(objects.length)} objects, ${String(images.length)} images, ` +
      `largest ${largest.name} (${String(largest.bytes)} bytes)`,
  );
  for (const finding of overlayFindings(objects, { isDefault })) find(name, finding);
}

for (const name of overlayNames()) {
  check(`overlays/${name}`, name === DEFAULT_OVERLAY, () => renderOverlay(name));
}
for (const name of componentNames()) {
  check(`components/${name}`, false, () => renderComponents([name]));
}
process.exitCode = findings === 0 ? 0 : 1;
