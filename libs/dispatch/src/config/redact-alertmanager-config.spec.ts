import { describe, expect, it, jest } from '@jest/globals';
import { redactAlertmanagerConfig } from './redact-alertmanager-config.ts';

describe('redactAlertmanagerConfig', () => {
  it('shows a secret as amtool can read it', () => {
    const shown = redactAlertmanagerConfig(
      'receivers: [{webhook_configs: [{url: "http://h/s", http_config: {bearer_token: t}}]}]\n',
    );
    expect(shown).toContain('url: http://<secret>');
    expect(shown).toContain('bearer_token: <secret>');
  });

  it('says nothing to the process about a tag it does not know', () => {
    const emitWarning = jest.spyOn(process, 'emitWarning').mockImplementation(() => {});
    const shown = redactAlertmanagerConfig('route: {receiver: !x r}\n');
    expect(shown).toContain('receiver: r');
    expect(emitWarning).not.toHaveBeenCalled();
    emitWarning.mockRestore();
  });
});
