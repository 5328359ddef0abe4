import { setCurrentDetails } from '@temporalio/workflow';

type StepState = 'waiting' | 'running' | 'done' | 'failed' | 'undone' | 'not undone';

const SYMBOLS: Record<StepState, string> = {
  waiting: '·',
  running: '▶',
  done: '✔',
  failed: '✘',
  undone: '↩',
  'not undone': '⚠',
};

interface Row {
  title: string;
  where: string;
  state: StepState;
  note: string;
  startedAt?: number;
  endedAt?: number;
}

/** The step table that the Temporal UI shows as the run's current details. */
export interface Progress {
  begin(key: string, row: { title: string; where: string }): void;
  end(key: string, state: StepState, note?: string): void;
  note(key: string, note: string): void;
  headline(text: string): void;
}

/** Notes come from failures, which hold no secret; they are made fit for one table cell. */
export function createProgress(headline: string): Progress {
  const rows = new Map<string, Row>();
  let title = headline;

  function show(): void {
    const lines = [...rows.values()].map((row) => {
      const took =
        row.startedAt !== undefined && row.endedAt !== undefined ? duration(row.endedAt - row.startedAt) : '';
      return tableRow([`${SYMBOLS[row.state]} ${row.state}`, row.title, row.where, took, cell(row.note)]);
    });
    const table = [tableRow(['state', 'step', 'where', 'took', 'note']), '|:--|:--|:--|:--|:--|', ...lines];
    setCurrentDetails([`### ${title}`, '', ...table, '', FOOT].join('\n'));
  }

  return {
    begin(key, { title: stepTitle, where }) {
      rows.set(key, { title: stepTitle, where, state: 'running', note: '', startedAt: Date.now() });
      show();
    },
    end(key, state, note) {
      const row = rows.get(key);
      if (row === undefined) return;
      rows.set(key, { ...row, state, note: note ?? row.note, endedAt: row.endedAt ?? Date.now() });
      show();
    },
    note(key, note) {
      const row = rows.get(key);
      if (row === undefined) return;
      rows.set(key, { ...row, note });
      show();
    },
    headline(text) {
      title = text;
      show();
    },
  };
}

/** The Temporal UI gives cells no padding of their own, and takes blanks away: a wide space stays. */
const GAP = '\u2003';
/** Nor does it show the last lines without scrolling; these are empty. */
const FOOT = `${GAP}\n\n${GAP}`;

function tableRow(cells: string[]): string {
  return `| ${cells.map((text) => text + GAP).join(' | ')} |`;
}

function duration(ms: number): string {
  return ms < 10_000 ? `${ms} ms` : `${Math.round(ms / 1000)} s`;
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll(/\s*\n\s*/g, '; ');
}
