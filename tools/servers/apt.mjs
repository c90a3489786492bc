// Installs Debian or Ubuntu packages without asking anything.
//
// An interruption is safe at every step: a download goes on where it stopped, and dpkg is never stopped
// half-way (and repaired first, should somebody else have done so).
import { existsSync, readdirSync } from 'node:fs';
import { Failure, run, succeeds } from './run.mjs';

/**
 * @param why begins the message when this machine can't install packages, e.g. "Ceph needs"
 * @param instead ends it: what to do without apt-get
 */
export async function aptInstall(packages, why, instead) {
  const wanted = packages.join(' ');
  if (!existsSync('/usr/bin/apt-get'))
    throw new Failure(
      `${why} the packages ${wanted} of Debian or Ubuntu, and this machine has no apt-get.\n${instead}`,
    );
  const sudo = process.getuid() === 0 ? [] : ['sudo', '-n'];
  if (sudo.length > 0 && !(await succeeds('sudo', ['-n', 'true'])))
    throw new Failure(
      `${why} the packages ${wanted}, and installing them needs root (sudo asks for a password here).\n` +
        `Run this yourself, then try again:\n  sudo apt-get install --no-install-recommends ${wanted}`,
    );
  const root = (args, o) => {
    const [command, ...rest] = [...sudo, 'env', 'DEBIAN_FRONTEND=noninteractive', 'LC_ALL=C', ...args];
    return run(command, rest, o);
  };
  const apt = (args, o) =>
    root(['apt-get', '-y', '-q', '-o', 'DPkg::Lock::Timeout=120', '-o', 'Dpkg::Use-Pty=0', ...args], o);

  if ((await run('dpkg', ['--audit'])).trim() !== '')
    await root(['dpkg', '--configure', '-a'], {
      title: 'apt: finishing an earlier installation that was stopped half-way',
      protect: true,
    });
  const update = () => apt(['update'], { title: 'apt: reading the package lists', usually: '10 seconds' });
  const download = () =>
    apt(['install', '--no-install-recommends', '--download-only', ...packages], {
      title: `apt: downloading ${wanted}`,
      usually: '15 seconds',
    });
  const listed = readdirSync('/var/lib/apt/lists').some((file) => file.includes('_Packages'));
  if (!listed) await update();
  try {
    await download();
  } catch (error) {
    // Old lists name versions that the mirror no longer has.
    if (!(error instanceof Failure) || !listed) throw error;
    await update();
    await download();
  }
  await apt(['install', '--no-install-recommends', '--no-download', ...packages], {
    title: `apt: installing ${wanted}`,
    usually: '30 seconds',
    protect: true,
  });
}
