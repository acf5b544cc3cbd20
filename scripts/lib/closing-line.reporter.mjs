/** Ends a test run with one plain line, `N passed, N failed, N skipped`, for whoever reads only that. */
export default class ClosingLineReporter {
  onRunComplete(_contexts, results) {
    const { numPassedTests, numFailedTests, numPendingTests, numRuntimeErrorTestSuites } = results;
    const failed = numFailedTests + numRuntimeErrorTestSuites;
    // Jest prints its own summary after all reporters; only the end of the process is later.
    process.once('exit', () => {
      process.stdout.write(
        `${numPassedTests} passed, ${failed} failed, ${numPendingTests} skipped\n`,
      );
    });
  }
}
