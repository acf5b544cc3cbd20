import { describe, expect, it } from '@jest/globals';
import { storageConfigSchema, storageLimitsSchema, toStoreOptions } from './store-config.ts';

describe('the configuration of the store', () => {
  it('has defaults for everything', () => {
    const options = toStoreOptions(storageConfigSchema.parse({}), storageLimitsSchema.parse({}));
    expect(options).toEqual({
      retentionMs: 15 * 86_400_000,
      outOfOrderWindowMs: 300_000,
      maxSeries: 1_000_000,
      seriesBudgets: [],
      maxLabelsPerSeries: 64,
      maxLabelNameBytes: 1_024,
      maxLabelValueBytes: 4_096,
      maxExemplars: 100_000,
    });
  });
  it('gives targets and namespaces budgets', () => {
    const limits = storageLimitsSchema.parse({
      max_series_per_target: 5,
      max_series_per_namespace: 7,
    });
    expect(toStoreOptions(storageConfigSchema.parse({}), limits).seriesBudgets).toEqual([
      { label: 'instance', maxSeries: 5 },
      { label: 'namespace', maxSeries: 7 },
    ]);
  });
  it('reads sizes and durations as Prometheus writes them', () => {
    const storage = storageConfigSchema.parse({
      retention_time: '1w',
      retention_size: '10GB',
      out_of_order_time_window: '0s',
    });
    expect(storage).toEqual({
      retention_time: 7 * 86_400_000,
      retention_size: 10 * 2 ** 30,
      out_of_order_time_window: 0,
      exemplars: { max_exemplars: 100_000 },
      logs: {
        retention_time: 7 * 86_400_000,
        retention_size: 10 * 2 ** 30,
        out_of_order_time_window: 3_600_000,
      },
      enable_admin_api: false,
    });
  });
  it.each([
    [{ retention_size: '10' }, 'accepted are 0 and numbers with a unit such as 512KB'],
    [{ retention_size: '-1GB' }, 'accepted are 0 and numbers with a unit such as 512KB'],
    [{ retention_size: '0' }, 'must be more than 0'],
    [{ retention_time: '0s' }, 'must be more than 0'],
    [{ retention_time: 'soon' }, 'not a valid duration string'],
    [{ out_of_order_time_window: '1x' }, 'not a valid duration string'],
    [{ retention: '1d' }, 'Unrecognized key'],
  ])('refuses %j', (input, message) => {
    const { error } = storageConfigSchema.safeParse(input);
    expect(error?.message).toContain(message);
  });
});
