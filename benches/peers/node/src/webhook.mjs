// The webhook: verify WorkOS's signature, mark the work, schedule the end of the window once, record the event.

import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DynamoDBDocumentClient, PutCommand, UpdateCommand } from '@aws-sdk/lib-dynamodb';
import { CreateScheduleCommand, SchedulerClient } from '@aws-sdk/client-scheduler';
import { SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { SignatureVerificationException, WorkOS } from '@workos-inc/node';

const { TABLE_NAME, SYNC_QUEUE_URL, SYNC_QUEUE_ARN, SCHEDULE_GROUP, SCHEDULE_ROLE_ARN, WORKOS_WEBHOOK_SECRETS } = process.env;
const WINDOW_MS = Number(process.env.WINDOW_SECONDS ?? 300) * 1000;
const EVENT_KEPT_SECONDS = 30 * 86_400;
const SHARDS = 8;

const table = DynamoDBDocumentClient.from(new DynamoDBClient());
const scheduler = new SchedulerClient();
const queue = new SQSClient();
const workos = new WorkOS({ apiKey: 'not needed to verify' });
const secrets = WORKOS_WEBHOOK_SECRETS.split(/[\s,]+/).filter(Boolean);

export async function handler(request) {
  if (request.requestContext.http.method !== 'POST') return answer(405);
  const sigHeader = request.headers['workos-signature'];
  if (!sigHeader) return answer(401);
  const body = Buffer.from(request.body ?? '', request.isBase64Encoded ? 'base64' : 'utf8');
  const event = await verified(body, sigHeader);
  if (!event) return answer(401);
  if (!event.event?.startsWith('dsync.')) return answer(200);
  const directory = event.data.directoryId ?? event.data.id;

  const receivedAt = Date.now();
  let pending;
  try {
    pending = await mark(directory, Math.ceil((receivedAt + WINDOW_MS) / 1000) * 1000);
    if (!pending) return answer(200);
    await schedule(pending);
  } catch (error) {
    console.error(JSON.stringify({ level: 'error', outcome: 'not_durable', directory, error: String(error) }));
    return answer(503);
  }
  console.log(JSON.stringify({
    level: 'info', outcome: 'accepted', event: event.id, kind: event.event, directory, generation: pending.generation,
  }));
  await record(event, directory, receivedAt).catch((error) => {
    console.warn(JSON.stringify({ level: 'warn', message: 'event could not be recorded', event: event.id, error: String(error) }));
  });
  return answer(200);
}

const answer = (statusCode) => ({ statusCode });

async function verified(payload, sigHeader) {
  for (const secret of secrets) {
    try {
      return await workos.webhooks.constructEvent({ payload, sigHeader, secret });
    } catch (error) {
      if (!(error instanceof SignatureVerificationException)) throw error;
    }
  }
  return undefined;
}

const pendingKey = (directory) => ({ pk: `PENDING#${directory}`, sk: 'PENDING' });

/** One conditional write; nothing for a directory that is not ours. */
async function mark(directory, due) {
  try {
    const { Attributes } = await table.send(new UpdateCommand({
      TableName: TABLE_NAME,
      Key: pendingKey(directory),
      UpdateExpression: 'SET window_due_ms = if_not_exists(window_due_ms, :due) ADD #generation :one',
      ConditionExpression: 'attribute_exists(pk)',
      ExpressionAttributeNames: { '#generation': 'generation' },
      ExpressionAttributeValues: { ':due': due, ':one': 1 },
      ReturnValues: 'ALL_NEW',
    }));
    return Attributes;
  } catch (error) {
    if (error.name === 'ConditionalCheckFailedException') return undefined;
    throw error;
  }
}

async function schedule({ directory, integration, generation, window_due_ms: due, scheduled_due_ms: scheduled }) {
  if (scheduled === due) return;
  const message = JSON.stringify({ v: 1, directory, generation, reason: 'webhook' });
  try {
    await scheduler.send(new CreateScheduleCommand({
      GroupName: SCHEDULE_GROUP,
      Name: `${integration}.${due}`,
      ScheduleExpression: `at(${new Date(due).toISOString().slice(0, 19)})`,
      ScheduleExpressionTimezone: 'UTC',
      FlexibleTimeWindow: { Mode: 'OFF' },
      ActionAfterCompletion: 'DELETE',
      Target: {
        Arn: SYNC_QUEUE_ARN,
        RoleArn: SCHEDULE_ROLE_ARN,
        Input: message,
        RetryPolicy: { MaximumEventAgeInSeconds: 3600, MaximumRetryAttempts: 10 },
      },
    }));
  } catch (error) {
    if (error.name !== 'ConflictException') {
      const seconds = Math.max(0, Math.ceil((due - Date.now()) / 1000));
      await queue.send(new SendMessageCommand({ QueueUrl: SYNC_QUEUE_URL, MessageBody: message, DelaySeconds: Math.min(900, seconds) }));
    }
  }
  await table.send(new UpdateCommand({
    TableName: TABLE_NAME,
    Key: pendingKey(directory),
    UpdateExpression: 'SET scheduled_due_ms = :due',
    ConditionExpression: 'window_due_ms = :due',
    ExpressionAttributeValues: { ':due': due },
  }));
}

async function record({ id, event }, directory, receivedAt) {
  const shard = id.charCodeAt(id.length - 1) % SHARDS;
  await table.send(new PutCommand({
    TableName: TABLE_NAME,
    Item: {
      pk: `EVENT#${directory}#${shard}`,
      sk: `${String(receivedAt).padStart(15, '0')}#${id}`,
      event: id,
      kind: event,
      received_at_ms: receivedAt,
      expires_at: Math.floor(receivedAt / 1000) + EVENT_KEPT_SECONDS,
    },
  }));
}
