export { FUNCTION_SIGNATURES, type FunctionSignature } from './parse/function-signatures.ts';
export { describePosition, PromqlSyntaxError } from './parse/promql-syntax-error.ts';
