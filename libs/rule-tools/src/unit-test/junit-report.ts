/** One test of a file, as a report for build servers shows it. */
export interface ReportedTest {
  readonly name: string;
  readonly failures: readonly string[];
}

export interface ReportedFile {
  readonly file: string;
  readonly tests: readonly ReportedTest[];
  /** Why the file could not be run at all, or null. */
  readonly error: string | null;
}

/** The tests of all files in JUnit's XML: a suite for each file, a case for each test. */
export function junitReport(files: readonly ReportedFile[]): string {
  const suites = files.map(({ file, tests, error }) => {
    const failed = tests.filter(({ failures }) => failures.length > 0).length;
    const errors = error === null ? 0 : 1;
    const counts = `tests="${tests.length}" failures="${failed}" errors="${errors}" skipped="0"`;
    const cases = tests.map(caseOf);
    if (error !== null) {
      cases.push(`        <testcase name="${escapeXml(file)}">
            <error>${escapeXml(error)}</error>
        </testcase>`);
    }
    const body = cases.length === 0 ? '' : `\n${cases.join('\n')}\n    `;
    return `    <testsuite name="${escapeXml(file)}" ${counts}>${body}</testsuite>`;
  });
  return `<?xml version="1.0" encoding="UTF-8"?>\n<testsuites>\n${suites.join('\n')}\n</testsuites>\n`;
}

function caseOf({ name, failures }: ReportedTest): string {
  const open = `        <testcase name="${escapeXml(name)}">`;
  if (failures.length === 0) return `${open}</testcase>`;
  const lines = failures.map((text) => `            <failure>${escapeXml(text)}</failure>`);
  return `${open}\n${lines.join('\n')}\n        </testcase>`;
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&apos;',
};

/** XML has no way to write most control characters, so they become the replacement character. */
function escapeXml(text: string): string {
  return (
    text
      .toWellFormed()
      // oxlint-disable-next-line no-control-regex
      .replaceAll(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, '\ufffd')
      .replaceAll(/[&<>"']/g, (character) => ENTITIES[character]!)
  );
}
