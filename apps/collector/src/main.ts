import { boundYoungGeneration } from './young-generation.ts';

boundYoungGeneration();
// What is imported statically would be loaded before the line above has its effect.
await import('./run.ts');
