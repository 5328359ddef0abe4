import { Failure } from '../../domain/failures.ts';

/** A port of the development stack is taken by a process that is not ours; the message names the variable that moves it. */
export class PortBusy extends Failure {
  readonly port: number;
  readonly variable: string;

  /** `owner` is the part that wanted the port, as it is called in the start-up lines. */
  constructor(of: { address: string; port: number; variable: string; owner: string }) {
    super(
      'PortInUse',
      `port ${of.port} is in use on ${of.address}, where ${of.owner} would listen; set ${of.variable} to another one`,
      { details: { port: of.port, variable: of.variable } },
    );
    this.name = 'PortBusy';
    this.port = of.port;
    this.variable = of.variable;
  }
}
