/*
 * The e-mail that Alertmanager's users know, written to give the same document: people's filters and style depend on it.
 */
const FONT = "font-family: 'Helvetica Neue', Helvetica, Arial, sans-serif; box-sizing: border-box;";
const BASE = `margin: 0; ${FONT} font-size: 14px;`;

/** One alert: its labels, its annotations and where it came from. */
const ALERT_ROW = `                <tr style="${BASE}">
                  <td class="content-block" style="${BASE} vertical-align: top; padding: 0 0 20px;" valign="top">
                    <strong style="${BASE}">Labels</strong><br style="${BASE}">
                    {{ range .Labels.SortedPairs }}{{ .Name }} = {{ .Value }}<br style="${BASE}">{{ end }}
                    {{ if gt (len .Annotations) 0 }}<strong style="${BASE}">Annotations</strong><br style="${BASE}">{{ end }}
                    {{ range .Annotations.SortedPairs }}{{ .Name }} = {{ .Value }}<br style="${BASE}">{{ end }}
                    <a href="{{ .GeneratorURL }}" style="${BASE} color: #348eda; text-decoration: underline;">Source</a><br style="${BASE}">
                  </td>
                </tr>
`;

/** Defines `email.default.html`. */
export const EMAIL_TEMPLATE = `{{ define "email.default.html" }}

<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Transitional//EN" "http://www.w3.org/TR/xhtml1/DTD/xhtml1-transitional.dtd">
<html xmlns="http://www.w3.org/1999/xhtml" style="${BASE}">
<head>
<meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Type" content="text/html; charset=UTF-8">
<title>{{ template "__subject" . }}</title>
<style>
@media only screen and (max-width: 640px) {
  body {
    padding: 0 !important;
  }

  h1,
h2,
h3,
h4 {
    font-weight: 800 !important;
    margin: 20px 0 5px !important;
  }

  h1 {
    font-size: 22px !important;
  }

  h2 {
    font-size: 18px !important;
  }

  h3 {
    font-size: 16px !important;
  }

  .container {
    padding: 0 !important;
    width: 100% !important;
  }

  .content {
    padding: 0 !important;
  }

  .content-wrap {
    padding: 10px !important;
  }

  .invoice {
    width: 100% !important;
  }
}
</style>
</head>

<body itemscope itemtype="https://schema.org/EmailMessage" style="${BASE} -webkit-font-smoothing: antialiased; -webkit-text-size-adjust: none; height: 100%; line-height: 1.6em; background-color: #f6f6f6; width: 100%;">

<table class="body-wrap" style="${BASE} background-color: #f6f6f6; width: 100%;" width="100%" bgcolor="#f6f6f6">
  <tr style="${BASE}">
    <td style="${BASE} vertical-align: top;" valign="top"></td>
    <td class="container" width="600" style="${FONT} font-size: 14px; vertical-align: top; display: block; max-width: 600px; margin: 0 auto; clear: both;" valign="top">
      <div class="content" style="${FONT} font-size: 14px; max-width: 600px; margin: 0 auto; display: block; padding: 20px;">
        <table class="main" width="100%" cellpadding="0" cellspacing="0" style="${BASE} background-color: #fff; border: 1px solid #e9e9e9; border-radius: 3px;" bgcolor="#fff">
          <tr style="${BASE}">
            {{ if gt (len .Alerts.Firing) 0 }}
            <td class="alert alert-warning" style="margin: 0; ${FONT} vertical-align: top; font-size: 16px; color: #fff; font-weight: 500; padding: 20px; text-align: center; border-radius: 3px 3px 0 0; background-color: #E6522C;" valign="top" align="center" bgcolor="#E6522C">
              {{ .Alerts | len }} alert{{ if gt (len .Alerts) 1 }}s{{ end }} for {{ range .GroupLabels.SortedPairs }}
                {{ .Name }}={{ .Value }}
              {{ end }}
            </td>
            {{ else }}
            <td class="alert alert-good" style="margin: 0; ${FONT} vertical-align: top; font-size: 16px; color: #fff; font-weight: 500; padding: 20px; text-align: center; border-radius: 3px 3px 0 0; background-color: #68B90F;" valign="top" align="center" bgcolor="#68B90F">
              {{ .Alerts | len }} alert{{ if gt (len .Alerts) 1 }}s{{ end }} for {{ range .GroupLabels.SortedPairs }}
                {{ .Name }}={{ .Value }} 
              {{ end }}
            </td>
            {{ end }}
          </tr>
          <tr style="${BASE}">
            <td class="content-wrap" style="${BASE} vertical-align: top; padding: 30px;" valign="top">
              <table width="100%" cellpadding="0" cellspacing="0" style="${BASE}">
                <tr style="${BASE}">
                  <td class="content-block" style="${BASE} vertical-align: top; padding: 0 0 20px;" valign="top">
                    <a href="{{ template "__alertmanagerURL" . }}" class="btn-primary" style="${BASE} text-decoration: none; color: #FFF; background-color: #348eda; border: solid #348eda; border-width: 10px 20px; line-height: 2em; font-weight: bold; text-align: center; cursor: pointer; display: inline-block; border-radius: 5px; text-transform: capitalize;">View in {{ template "__alertmanager" . }}</a>
                  </td>
                </tr>
                {{ if gt (len .Alerts.Firing) 0 }}
                <tr style="${BASE}">
                  <td class="content-block" style="${BASE} vertical-align: top; padding: 0 0 20px;" valign="top">
                    <strong style="${BASE}">[{{ .Alerts.Firing | len }}] Firing</strong>
                  </td>
                </tr>
                {{ end }}
                {{ range .Alerts.Firing }}
${ALERT_ROW}                {{ end }}

                {{ if gt (len .Alerts.Resolved) 0 }}
                  {{ if gt (len .Alerts.Firing) 0 }}
                <tr style="${BASE}">
                  <td class="content-block" style="${BASE} vertical-align: top; padding: 0 0 20px;" valign="top">
                    <br style="${BASE}">
                    <hr style="${BASE}">
                    <br style="${BASE}">
                  </td>
                </tr>
                  {{ end }}
                <tr style="${BASE}">
                  <td class="content-block" style="${BASE} vertical-align: top; padding: 0 0 20px;" valign="top">
                    <strong style="${BASE}">[{{ .Alerts.Resolved | len }}] Resolved</strong>
                  </td>
                </tr>
                {{ end }}
                {{ range .Alerts.Resolved }}
${ALERT_ROW}                {{ end }}
              </table>
            </td>
          </tr>
        </table>

        <div class="footer" style="${BASE} width: 100%; clear: both; color: #999; padding: 20px;">
          <table width="100%" style="${BASE}">
            <tr style="${BASE}">
              <td class="aligncenter content-block" style="margin: 0; ${FONT} vertical-align: top; padding: 0 0 20px; text-align: center; color: #999; font-size: 12px;" valign="top" align="center"><a href="{{ .ExternalURL }}" style="margin: 0; ${FONT} text-decoration: underline; color: #999; font-size: 12px;">Sent by {{ template "__alertmanager" . }}</a></td>
            </tr>
          </table>
        </div></div>
    </td>
    <td style="${BASE} vertical-align: top;" valign="top"></td>
  </tr>
</table>

</body>
</html>

{{ end }}`;
