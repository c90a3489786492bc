/**
 * The bank: money moves between accounts and is never made or lost, so every state that anyone sees has the same
 * sum. It finds read skew and lost updates without knowing a single transfer.
 */

export interface Bank {
  readonly accounts: readonly string[];
  /** What all accounts hold together, always. */
  readonly total: number;
  /** Whether an account may be below zero. Default false: transfers check what is there. */
  readonly mayOverdraw?: boolean;
}

/** What one transaction, or one snapshot, showed of all accounts. */
export interface BankObservation {
  /** Who saw it, for the message. */
  readonly name: string;
  readonly balances: ReadonlyMap<string, number>;
}

export interface BankProblem {
  readonly kind: 'total' | 'overdrawn' | 'accounts';
  readonly message: string;
  readonly observation: BankObservation;
}

export function checkBank(
  { accounts, total, mayOverdraw = false }: Bank,
  observations: Iterable<BankObservation>,
): BankProblem[] {
  const problems: BankProblem[] = [];
  for (const observation of observations) {
    const { name, balances } = observation;
    const report = (kind: BankProblem['kind'], what: string): void => {
      problems.push({ kind, message: `${name} ${what}.`, observation });
    };
    const missing = accounts.filter((account) => !balances.has(account));
    const strange = [...balances.keys()].filter((account) => !accounts.includes(account));
    if (missing.length > 0) report('accounts', `does not see ${missing.join(', ')}`);
    if (strange.length > 0) report('accounts', `sees ${strange.join(', ')}, which nobody opened`);
    const sum = [...balances.values()].reduce((a, b) => a + b, 0);
    if (sum !== total)
      report(
        'total',
        `sees ${sum} in all where ${total} is: ${[...balances].map(([a, b]) => `${a} ${b}`).join(', ')}`,
      );
    if (mayOverdraw) continue;
    for (const [account, balance] of balances)
      if (balance < 0) report('overdrawn', `sees ${balance} in ${account}`);
  }
  return problems;
}
