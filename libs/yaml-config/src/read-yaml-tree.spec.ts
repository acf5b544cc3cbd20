import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { ConfigTextError, readYamlTree, readYamlTrees, type YamlTree } from './index.ts';

/** A tree without its places. */
function plain(tree: YamlTree | null): unknown {
  if (tree === null) return null;
  switch (tree.kind) {
    case 'scalar':
      return tree.isNull ? null : tree.text;
    case 'list':
      return tree.items.map(plain);
    case 'map':
      return Object.fromEntries(tree.entries.map(({ key, value }) => [key, plain(value)]));
  }
}

function read(text: string): unknown {
  return plain(readYamlTree(text, { file: 'f.yml' }).root);
}

function messageFor(text: string, maxLength = 1_000_000): string {
  try {
    return `read ${JSON.stringify(plain(readYamlTree(text, { file: 'f.yml', maxLength }).root))}`;
  } catch (error) {
    if (error instanceof ConfigTextError) return error.message;
    throw error;
  }
}

describe('readYamlTree', () => {
  it.each([
    ['', null],
    [
      'a: 1.10\nb: yes\nc: "1.10"\nd: 0x1F\ne:\nf: ~\n',
      { a: '1.10', b: 'yes', c: '1.10', d: '0x1F', e: null, f: null },
    ],
    [
      '- &x {a: 1}\n- *x\n- <<: *x\n  b: 2\n- <<: [*x, {c: 3}]\n  a: 4',
      [{ a: '1' }, { a: '1' }, { b: '2', a: '1' }, { a: '4', c: '3' }],
    ],
    ['a: &x 1\nb: *x\nc: &x 2\nd: *x', { a: '1', b: '1', c: '2', d: '2' }],
    ['a: |\n  one\n  two\nb: >-\n  one\n  two', { a: 'one\ntwo\n', b: 'one two' }],
  ])('reads %j', (text, expected) => {
    expect(read(text)).toEqual(expected);
  });
  it('knows the place of every key and value', () => {
    const { root } = readYamlTree('a:\n  - b: 1\n    c: two\n', { file: 'f.yml' });
    expect(root).toMatchObject({
      entries: [
        {
          key: 'a',
          keyLine: 1,
          value: {
            items: [
              {
                line: 2,
                entries: [
                  { keyLine: 2, value: { line: 2, column: 8 } },
                  { keyLine: 3, value: { line: 3, column: 8 } },
                ],
              },
            ],
          },
        },
      ],
    });
  });
  it('reads the first of several documents and says that there are more', () => {
    const document = readYamlTree('a: 1\n---\nb: [', { file: 'f.yml' });
    expect(plain(document.root)).toEqual({ a: '1' });
    expect(document.hasMoreDocuments).toBe(true);
  });
  it.each([
    ['a: *x', 'f.yml:1: no anchor &x before this alias'],
    ['a: &x [*x]', 'f.yml:1: an alias refers to a node that contains it'],
    ['a: 1\na: 2', 'f.yml:2: Map keys must be unique'],
    ['['.repeat(50_000), 'f.yml:1: the text is nested too deeply'],
    ['<<: 1', 'f.yml:1: a merge key takes a map or a list of maps'],
  ])('refuses %#', (text, expected) => {
    expect(messageFor(text)).toBe(expected);
  });
  it('bounds the text and what merge keys add', () => {
    expect(messageFor('aaaa', 3)).toMatch(/at most 3/);
    const chain = Array.from({ length: 1_000 }, (_, i) =>
      i === 0 ? 'a0: &a0 {x: 1}' : `a${i}: &a${i} {<<: *a${i - 1}, k${i}: 1}`,
    );
    expect(messageFor(chain.join('\n'))).toMatch(/merge keys add more than 100000 entries/);
  });
  it('shares what aliases repeat, so that a small text stays small', () => {
    const levels = Array.from({ length: 60 }, (_, i) =>
      i === 0 ? 'a0: &a0 [x]' : `a${i}: &a${i} [*a${i - 1}, *a${i - 1}]`,
    );
    const { root } = readYamlTree(levels.join('\n'), { file: 'f.yml' });
    expect(root?.kind === 'map' ? root.entries.length : 0).toBe(60);
  });
  it('reads or refuses any text', () => {
    const piece = fc.constantFrom(
      ...'a b : - [ ] { } & * << " | > # ,'.split(' '),
      ' ',
      '\n',
      '  ',
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 30 }), (parts) => {
        expect(messageFor(parts.join(''))).toMatch(/^(?:read|f\.yml)/);
      }),
      { numRuns: 500 },
    );
  });
});

describe('readYamlTrees', () => {
  it('reads every document, with the lines of the file the text is a part of', () => {
    const trees = readYamlTrees('a: 1\n---\n---\nb: |\n  x\n', { file: 'f', firstLine: 11 });
    expect(trees.map(({ kind, line }) => `${kind} ${line}`)).toEqual(['map 11', 'map 14']);
    const [, second] = trees;
    expect(second).toMatchObject({
      entries: [{ key: 'b', keyLine: 14, value: { line: 14, isLiteral: true, text: 'x\n' } }],
    });
  });

  it('tells what is wrong in any of them', () => {
    expect(() => readYamlTrees('a: 1\n---\nb: 1\nb: 2\n', { file: 'f', firstLine: 3 })).toThrow(
      'f:6: Map keys must be unique',
    );
  });
});
