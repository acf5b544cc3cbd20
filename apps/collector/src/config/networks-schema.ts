import { isNetwork, NETWORK_NAMES } from '#libs/node-http';
import { z } from 'zod';

/** A list of networks in a configuration. */
export const networksSchema = z.array(
  z.string().refine(isNetwork, {
    error: `not a network such as 10.0.0.0/8; accepted are ${NETWORK_NAMES.join(', ')} as well`,
  }),
);
