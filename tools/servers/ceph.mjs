// Ceph: the smallest cluster that speaks S3. One monitor, one OSD (BlueStore on a sparse file), one gateway; no
// manager, no authentication between daemons (everything listens on 127.0.0.1 only). Packages come from apt.
import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { aptInstall } from './apt.mjs';
import { Failure, run, sleep } from './run.mjs';

export const name = 'ceph';
export const portsByDefault = {
  s3: { variable: 'HOLDFAST_CEPH_PORT', port: 19080 },
  monitor: { variable: 'HOLDFAST_CEPH_MON_PORT', port: 19081 },
};

const programs = ['ceph-mon', 'ceph-osd', 'radosgw', 'ceph', 'radosgw-admin', 'monmaptool'];
const packages = ['ceph-mon', 'ceph-osd', 'radosgw', 'ceph-common'];

function find(program) {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/usr/bin', '/sbin'];
  return folders.map((folder) => join(folder, program)).find((path) => existsSync(path));
}

export async function install() {
  if (programs.every(find)) return;
  await aptInstall(
    packages,
    'Ceph needs',
    "Install your system's packages that have ceph-mon, ceph-osd, radosgw, radosgw-admin, ceph and\n" +
      'monmaptool, or leave Ceph out: npm run servers -- up minio',
  );
  const missing = programs.filter((program) => !find(program));
  if (missing.length > 0)
    throw new Failure(`apt has installed ${packages.join(' ')}, but not ${missing.join(', ')}.`);
}

/** What to run, and how to talk to it. */
export function plan(folder, ports) {
  const conf = join(folder, 'ceph.conf');
  const daemon = (name, program, ...id) => ({
    name,
    command: find(program) ?? program,
    args: ['-f', '--conf', conf, ...id],
    log: join(folder, 'log', `${name}.out`),
  });
  return {
    endpoint: `http://127.0.0.1:${ports.s3}`,
    region: 'us-east-1',
    bucket: 'holdfast',
    accessKeyId: 'holdfast-test',
    secretAccessKey: 'holdfast-test-secret',
    ports,
    folder,
    daemons: [
      daemon('mon', 'ceph-mon', '-i', 'a'),
      daemon('osd', 'ceph-osd', '-i', '0'),
      daemon('rgw', 'radosgw', '-n', 'client.rgw'),
    ],
  };
}

export const startTimeoutMs = 180_000;

/** Starts the daemons in their order; on fresh data each is formatted first. */
export async function start(server, fresh, launch) {
  const { folder, ports } = server;
  const conf = ['--conf', join(folder, 'ceph.conf')];
  const [mon, osd, rgw] = server.daemons;
  const ceph = (...args) => run(find('ceph'), [...conf, '--connect-timeout', '30', ...args]);
  const fsid = randomUUID();
  const osdId = randomUUID();

  if (fresh) {
    for (const part of ['mon', 'osd', 'rgw', 'log']) mkdirSync(join(folder, part), { recursive: true });
    writeFileSync(join(folder, 'ceph.conf'), configuration(folder, ports, fsid));
    const map = join(folder, 'monmap');
    const address = `[v2:127.0.0.1:${ports.monitor}]`;
    await run(find('monmaptool'), ['--create', '--clobber', '--fsid', fsid, '--addv', 'a', address, map]);
    await run(find('ceph-mon'), [...conf, '-i', 'a', '--mkfs', '--monmap', map]);
  }
  await launch(mon);
  if (fresh) {
    await ceph('osd', 'new', osdId);
    await run(find('ceph-osd'), [...conf, '-i', '0', '--mkfs', '--osd-uuid', osdId]);
    await ceph('osd', 'crush', 'add', 'osd.0', '1.0', 'host=localhost', 'root=default');
  }
  await launch(osd);
  await launch(rgw);
  if (fresh) await createUser(server, conf);
}

/** Makes the S3 user, once the gateway has made its own pools: both at once can collide. */
async function createUser(server, conf) {
  for (let tries = 0; tries < 300; tries++) {
    const up = await fetch(server.endpoint).then(
      () => true,
      () => false,
    );
    if (up) break;
    await sleep(200);
  }
  await run(find('radosgw-admin'), [
    ...conf,
    ...['user', 'create', '--uid=holdfast', '--display-name=holdfast'],
    `--access-key=${server.accessKeyId}`,
    `--secret=${server.secretAccessKey}`,
  ]);
}

function configuration(folder, ports, fsid) {
  return `[global]
fsid = ${fsid}
mon_host = [v2:127.0.0.1:${ports.monitor}]
public_addr = 127.0.0.1
cluster_addr = 127.0.0.1
ms_bind_ipv6 = false
ms_bind_msgr1 = false
# Without these three pairs the gateway hangs: with authentication off nothing but plain crc can be agreed on.
auth_cluster_required = none
auth_service_required = none
auth_client_required = none
ms_mon_client_mode = crc
ms_mon_service_mode = crc
ms_mon_cluster_mode = crc
osd_pool_default_size = 1
osd_pool_default_min_size = 1
osd_pool_default_pg_num = 4
osd_pool_default_pgp_num = 4
osd_pool_default_pg_autoscale_mode = off
osd_crush_chooseleaf_type = 0
mon_allow_pool_size_one = true
mon_max_pg_per_osd = 1000
run_dir = ${folder}
# No admin socket: a socket's path may be 107 bytes long, a cache folder's is anybody's guess.
admin_socket =
pid_file =
log_file = ${folder}/log/$name.log
crash_dir = ${folder}/log
[mon]
mon_data = ${folder}/mon
mon_data_avail_warn = 1
mon_data_avail_crit = 0
[osd]
osd_data = ${folder}/osd
osd_objectstore = bluestore
osd_memory_target = 939524096
bluestore_block_size = 8589934592
osd_class_load_list = *
osd_class_default_list = *
[client.rgw]
rgw_data = ${folder}/rgw
# Without tcp_nodelay every read waits 40 ms for Nagle's algorithm.
rgw_frontends = beast endpoint=127.0.0.1:${ports.s3} tcp_nodelay=1
rgw_rados_pool_pg_num_min = 4
rgw_enable_usage_log = false
rgw_thread_pool_size = 64
`;
}
