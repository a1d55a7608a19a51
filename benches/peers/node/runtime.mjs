// Stands in for Lambda's own Node.js runtime: the loop between the Runtime API and a handler, and nothing more.
//
// AWS's does more for each invocation (a context with its callbacks, tracing, console patching, streaming), so that this one flatters the
// functions that it runs.

import http from 'node:http';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

const [file, name] = process.env._HANDLER.split('.');
const [host, port] = process.env.AWS_LAMBDA_RUNTIME_API.split(':');
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });

function call(method, route, body) {
  return new Promise((resolve, reject) => {
    const headers = body === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
    const request = http.request({ host, port, method, path: `/2018-06-01/runtime/${route}`, headers, agent }, (response) => {
      const chunks = [];
      response.on('data', (chunk) => chunks.push(chunk));
      response.on('end', () => resolve({ headers: response.headers, body: Buffer.concat(chunks).toString() }));
      response.on('error', reject);
    });
    request.on('error', reject);
    request.end(body);
  });
}

const error = (cause) => JSON.stringify({ errorType: cause?.name, errorMessage: cause?.message });

let handler;
try {
  ({ [name]: handler } = await import(pathToFileURL(path.join(process.env.LAMBDA_TASK_ROOT, `${file}.mjs`))));
} catch (cause) {
  await call('POST', 'init/error', error(cause));
  throw cause;
}
for (;;) {
  const { headers, body } = await call('GET', 'invocation/next');
  const id = headers['lambda-runtime-aws-request-id'];
  try {
    const result = await handler(JSON.parse(body), { awsRequestId: id });
    await call('POST', `invocation/${id}/response`, JSON.stringify(result ?? null));
  } catch (cause) {
    await call('POST', `invocation/${id}/error`, error(cause));
  }
}
