// The reconcile: read the whole directory, work out the accounts, read the Users dataset, apply the difference in batches.
//
// Left out, and done by the functions beside it: the lease, the second look at active users, the guard and what it holds, saved rows,
// isolating a refused account, retries of lost writes, the account-by-account record.

import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DynamoDBDocumentClient, PutCommand, UpdateCommand } from '@aws-sdk/lib-dynamodb';
import { WorkOS } from '@workos-inc/node';

const { TABLE_NAME, WORKOS_API_KEY, WORKOS_URL, ORGVUE_URL, ORGVUE_TOKENS, INTEGRATION } = process.env;
const PAGE_ROWS = 100;
const BATCH_ACTIONS = 500;
const USERS_INTERVAL_MS = 1000 / Number(process.env.WORKOS_USERS_PER_SECOND ?? 4) + 5;
const TRIES = 4;

const table = DynamoDBDocumentClient.from(new DynamoDBClient());
const { protocol, hostname, port } = new URL(WORKOS_URL ?? 'https://api.workos.com');
const workos = new WorkOS(WORKOS_API_KEY, { https: protocol === 'https:', apiHostname: hostname, port: port ? Number(port) : undefined });
/** `{id, directory, tenant, dataset, prefix, apiAccount}` */
const integration = JSON.parse(INTEGRATION);
const tokens = JSON.parse(ORGVUE_TOKENS);

export async function handler(batch) {
  const batchItemFailures = [];
  for (const { messageId, body } of batch.Records) {
    try {
      await run(JSON.parse(body));
    } catch (error) {
      console.error(JSON.stringify({ level: 'error', message: 'run failed', error: String(error) }));
      batchItemFailures.push({ itemIdentifier: messageId });
    }
  }
  return { batchItemFailures };
}

async function run({ directory }) {
  const began = Date.now();
  const generation = await take(directory);
  if (generation === undefined) return;
  const { users, groups, members } = await readDirectory(directory);
  const desired = desiredAccounts(users, groups, members);
  const rows = await readDataset();
  const { additions, removals, unchanged } = plan(desired, rows);
  await apply(additions);
  await apply(removals);
  await record(directory, generation, { added_or_changed: additions.length, removed: removals.length, unchanged, began });
  console.log(JSON.stringify({
    level: 'info', outcome: 'applied', directory, generation,
    n_written: additions.length, n_removed: removals.length, n_unchanged: unchanged, duration_ms: Date.now() - began,
  }));
}

// The table

const pendingKey = (directory) => ({ pk: `PENDING#${directory}`, sk: 'PENDING' });

/** Closes the window and tells the generation that is owed; nothing if none is. */
async function take(directory) {
  try {
    const { Attributes } = await table.send(new UpdateCommand({
      TableName: TABLE_NAME,
      Key: pendingKey(directory),
      UpdateExpression: 'REMOVE window_due_ms, scheduled_due_ms',
      ConditionExpression: '#generation > reconciled_generation',
      ExpressionAttributeNames: { '#generation': 'generation' },
      ReturnValues: 'ALL_NEW',
    }));
    return Attributes.generation;
  } catch (error) {
    if (error.name === 'ConditionalCheckFailedException') return undefined;
    throw error;
  }
}

async function record(directory, generation, counts) {
  await table.send(new PutCommand({
    TableName: TABLE_NAME,
    Item: { pk: `RUN#${integration.id}`, sk: `${String(counts.began).padStart(15, '0')}`, generation, ...counts },
  }));
  await table.send(new UpdateCommand({
    TableName: TABLE_NAME,
    Key: pendingKey(directory),
    UpdateExpression: 'SET reconciled_generation = :generation',
    ExpressionAttributeValues: { ':generation': generation },
  }));
}

// WorkOS

let usersFreeAt = 0;

/** WorkOS allows four calls of /directory_users a second for one directory. */
async function throttle() {
  const now = Date.now();
  const at = Math.max(now, usersFreeAt);
  usersFreeAt = at + USERS_INTERVAL_MS;
  if (at > now) await new Promise((resolve) => setTimeout(resolve, at - now));
}

/** Every row of a list, page by page. The SDK's own autoPagination() waits for 350 ms behind each page, whatever the limit. */
async function* all(list, filter, ready = () => {}) {
  let after;
  do {
    await ready();
    const page = await list({ ...filter, limit: PAGE_ROWS, order: 'asc', after });
    yield* page.data;
    after = page.listMetadata.after ?? undefined;
  } while (after);
}

async function readDirectory(directory) {
  await mustBeLinked(directory);
  const listUsers = (options) => workos.directorySync.listUsers(options);
  const listGroups = (options) => workos.directorySync.listGroups(options);
  const users = new Map();
  for await (const { id, email, state } of all(listUsers, { directory }, throttle)) users.set(id, { email, active: state === 'active' });
  const groups = [];
  for await (const { id, name } of all(listGroups, { directory })) {
    const role = roleOf(name);
    if (role) groups.push({ id, role });
  }
  const members = await Promise.all(groups.map(async ({ id }) => {
    const ids = [];
    for await (const user of all(listUsers, { group: id }, throttle)) {
      ids.push(user.id);
      users.set(user.id, { email: user.email, active: user.state === 'active' });
    }
    return ids;
  }));
  await mustBeLinked(directory);
  return { users, groups, members };
}

async function mustBeLinked(directory) {
  const { state } = await workos.directorySync.getDirectory(directory);
  // The SDK writes `linked` as `active`.
  if (state !== 'active') throw new Error(`directory is ${state}`);
}

// What should be

/** `<prefix><role>`; nothing for a group that is not ours or gives no role. */
function roleOf(name) {
  const { prefix } = integration;
  if (name.slice(0, prefix.length).toLowerCase() !== prefix.toLowerCase()) return undefined;
  const role = name.slice(prefix.length);
  if (role === '' || role !== role.trim() || role.length > 128 || /[,\p{Cc}]/u.test(role)) return undefined;
  const lower = role.toLowerCase();
  if (lower === 'superadmin') return undefined;
  return lower === 'user' || lower === 'admin' ? lower : role;
}

function desiredAccounts(users, groups, members) {
  const rolesByUser = new Map();
  groups.forEach(({ role }, at) => {
    for (const user of members[at]) {
      if (!rolesByUser.has(user)) rolesByUser.set(user, new Set());
      rolesByUser.get(user).add(role);
    }
  });
  const accounts = new Map();
  const shared = new Set();
  const seen = new Set();
  for (const [id, { email, active }] of users) {
    if (!active || !email) continue;
    const login = email.trim();
    const key = login.toLowerCase();
    if (seen.has(key)) shared.add(key);
    seen.add(key);
    const roles = rolesByUser.get(id);
    if (!roles || !(roles.has('user') || roles.has('admin')) || !/^[^\s@]+@[^\s@]+$/.test(login)) continue;
    accounts.set(key, { login, role: [...roles].sort().join(',') });
  }
  for (const key of shared) accounts.delete(key);
  return { accounts, untouched: shared };
}

// Orgvue

async function orgvue(method, path, body) {
  const url = `${ORGVUE_URL}/api/v1/${integration.tenant}/datasets/${integration.dataset}${path}`;
  const headers = {
    Authorization: `Bearer ${tokens[integration.tenant] ?? tokens['*']}`,
    'Content-Type': 'application/json; charset=UTF-8',
  };
  for (let attempt = 1; ; attempt += 1) {
    const response = await fetch(url, { method, headers, body, signal: AbortSignal.timeout(30_000) });
    if (response.ok) return response.json();
    const passing = response.status === 429 || (method === 'GET' && response.status >= 500);
    if (!passing || attempt === TRIES) throw new Error(`orgvue answered with status ${response.status}`);
    await new Promise((resolve) => setTimeout(resolve, 300 * 2 ** attempt));
  }
}

async function readDataset() {
  const { properties } = await orgvue('GET', '');
  const keys = new Set(properties.map(({ key }) => key));
  for (const key of ['Login', 'Role', 'Enabled']) if (!keys.has(key)) throw new Error(`the dataset has no property ${key}`);
  return orgvue('GET', '/items');
}

function plan({ accounts, untouched }, rows) {
  const current = new Map();
  for (const row of rows) current.set((row.Login ?? '').trim().toLowerCase(), row);
  const apiAccount = integration.apiAccount.toLowerCase();
  if (!current.has(apiAccount)) throw new Error('the dataset does not contain the api account');

  const additions = [];
  const removals = [];
  let unchanged = 0;
  for (const [key, { login, role }] of accounts) {
    const row = current.get(key);
    if (key === apiAccount) continue;
    if (!row) {
      additions.push({ _action: 'create', Login: login, Role: role, Enabled: true });
    } else if (row.Enabled !== true || rolesOf(row) !== role) {
      additions.push({ _action: 'update', _id: row._id, Role: role, Enabled: true });
    } else {
      unchanged += 1;
    }
  }
  for (const [key, row] of current) {
    if (key !== '' && key !== apiAccount && !accounts.has(key) && !untouched.has(key)) removals.push({ _action: 'delete', _id: row._id });
  }
  return { additions, removals, unchanged };
}

const rolesOf = (row) => [...new Set((row.Role ?? '').split(',').map((role) => role.trim()).filter(Boolean))].sort().join(',');

async function apply(actions) {
  for (let at = 0; at < actions.length; at += BATCH_ACTIONS) {
    const results = await orgvue('PUT', '/items', JSON.stringify(actions.slice(at, at + BATCH_ACTIONS)));
    const failed = results.filter(({ _status }) => _status !== 'success').length;
    if (failed > 0) throw new Error(`${failed} accounts were refused`);
  }
}
