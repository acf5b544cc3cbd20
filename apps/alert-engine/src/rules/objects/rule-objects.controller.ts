import { Controller, Get } from '@nestjs/common';
import { RuleObjects } from './rule-objects.ts';

/** Which objects hold rules, and why of some they are not taken. */
@Controller('api/v1')
export class RuleObjectsController {
  readonly #objects: RuleObjects;

  constructor(objects: RuleObjects) {
    this.#objects = objects;
  }

  @Get('rule-objects')
  objects(): object {
    const { places, outcomes } = this.#objects;
    return {
      status: 'success',
      data: {
        watched: places.map(({ resource, namespace, state }) => ({ resource, namespace, state })),
        objects: outcomes.map(({ object, files, refusal }) => ({
          kind: object.kind,
          namespace: object.namespace,
          name: object.name,
          groups: files.reduce((sum, { groups }) => sum + groups.length, 0),
          refused: refusal,
        })),
      },
    };
  }
}
