import { Module } from '@nestjs/common';
import { AuthGate } from './auth.gate.ts';

/** Who may do what over HTTP. */
@Module({ providers: [AuthGate] })
export class AuthModule {}
