export { AlertTemplate, type AlertTemplateData, toAlertValue } from './alert-template.ts';
export {
  type NotificationAlert,
  type NotificationData,
  toNotificationValue,
} from './alertmanager-data.ts';
export { ALERTMANAGER_FUNCTIONS } from './alertmanager-functions.ts';
export { ALERTMANAGER_TEMPLATES } from './alertmanager-templates.ts';
export {
  GoFunctionError,
  TemplateExecError,
  type TemplateFailure,
  TemplateParseError,
} from './errors.ts';
export { formatFloat } from './format-float.ts';
export { GoDuration, GoTime } from './go-time.ts';
export {
  type CallScope,
  type GoFunction,
  GoMap,
  GoMarked,
  GoSlice,
  GoStruct,
  type GoType,
  type GoValue,
  type ParamType,
  STRING_MAP,
} from './go-value.ts';
export { type LogLineScope, logqlFunctions } from './logql-functions.ts';
export {
  graphLink,
  prometheusFunctions,
  type PrometheusFunctionOptions,
  type QuerySample,
  toQueryResult,
} from './prometheus-functions.ts';
export { type RenderOptions, TemplateSet, type TemplateSetOptions } from './template.ts';
