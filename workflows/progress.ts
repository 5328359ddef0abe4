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
      const took = row.startedAt !== undefined && row.endedAt !== undefined ? `${row.endedAt - row.startedAt} ms` : '';
      return `| ${SYMBOLS[row.state]} ${row.state} | ${row.title} | ${row.where} | ${took} | ${cell(row.note)} |`;
    });
    setCurrentDetails(
      [`### ${title}`, '', '| | step | where | took | note |', '|---|---|---|---|---|', ...lines].join('\n'),
    );
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

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll(/\s*\n\s*/g, '; ');
}
