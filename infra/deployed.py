"""Deploys the template into the emulator at AWS_ENDPOINT_URL, looks at what was made, and tells the end-to-end tests' stories of it.

Started by infra/check. What the functions do is for the tests in tools/local/tests/e2e to prove; here is what only a stack has.
"""

import argparse
import contextlib
import json
import os
import platform
import random
import re
import socket
import subprocess
import sys
import time
import tomllib
import traceback
import urllib.error
import urllib.request
import zipfile
from pathlib import Path

import boto3

# The policy engine of the emulator, asked with what the emulator itself does not know.
from ministack.core.iam_evaluator import EvalContext, evaluate, parse_policy_document

STACK = "orgvue-scim-check"
TOKEN_PREFIX = f"{STACK}/tokens/"
WINDOW_SECONDS = 5
PATH_TOKEN = "a-path-token-of-the-check"
# In every secret and name, here and in the tests: nothing that is logged may hold it.
PRIVATE = "pr1vate"
DIRECTORY = json.loads(Path("tools/local/example/single-directory.json").read_text())
INTEGRATION = "tools/local/example/single.toml"
TENANT, DATASET = "TESTORG", "0B533DE6-7107-9FCD-48FC-31C0856745CC"
WORKOS_KEY, WEBHOOK_SECRETS = f"sk_{PRIVATE}", [f"whsec_second_{PRIVATE}", f"whsec_{PRIVATE}"]
# As the tests name them: their stories have this tenant too, and the functions remember its token.
ORGVUE_TOKEN = f"orgvue_{TENANT}_{PRIVATE}"
# The tests put one such message into the queue; whatever else is an error is one.
EXPECTED_ERROR = "malformed message goes to the dead-letter queue"
API_ACCOUNT = {"Login": "sync@orgvue.com", "Role": "admin", "Enabled": True}

# What a cell of the table of roles stands for.
WORDS = {
    "read": {"GetItem", "BatchGetItem", "Query"},
    "write": {"PutItem"},
    "update": {"UpdateItem"},
    "delete": {"DeleteItem"},
    "–": set(),
}
WORDS["read only"] = WORDS["read"]
WORDS["all"] = WORDS["read"] | WORDS["write"] | WORDS["update"] | WORDS["delete"]


@contextlib.contextmanager
def step(name):
    began = time.monotonic()
    try:
        yield
    except Exception as error:
        print(f"FAIL  {name}: {str(error) or traceback.extract_tb(error.__traceback__)[-1].line}", flush=True)
        raise SystemExit(1) from (None if isinstance(error, AssertionError) else error)
    print(f"ok    {name:34} {time.monotonic() - began:4.0f} s", flush=True)


def until(what, found, seconds):
    """Waits for what must come about, and returns it."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if value := found():
            return value
        time.sleep(0.5)
    raise AssertionError(f"{what}: not within {seconds} s")


def free_port():
    """One that no outgoing connection takes in the meantime: the stand-ins come and go at it."""
    for port in random.sample(range(20_000, 32_000), 100):
        with contextlib.suppress(OSError), socket.socket() as listener:
            listener.bind(("127.0.0.1", port))
            return port
    raise AssertionError("there is no free port")


def run(*command, env=None, ends=(0,)):
    done = subprocess.run(command, capture_output=True, text=True, env=env)
    assert done.returncode in ends, f"{command[0]} ended with {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout


def called(method, url, value=None, headers=None):
    """Status and body of a request."""
    body = value if isinstance(value, bytes) or value is None else json.dumps(value).encode()
    request = urllib.request.Request(url, body, {"Content-Type": "application/json", **(headers or {})}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


class Check:
    def __init__(self, args):
        self.args = args
        self.scratch = Path(args.scratch)
        # The function URL's own host name exists nowhere here; the emulator has a path for it.
        self.emulator = os.environ["AWS_ENDPOINT_URL"]
        self.cloudformation, self.dynamodb, self.sqs, self.iam, self.lambda_, self.logs, self.scheduler, self.secrets, self.cloudwatch = (
            boto3.client(name)
            for name in ["cloudformation", "dynamodb", "sqs", "iam", "lambda", "logs", "scheduler", "secretsmanager", "cloudwatch"]
        )
        self.template = Path("template.yaml").read_text()

    # ------------------------------------------------------------ setting up

    def start_standins(self):
        self.standins = subprocess.Popen(
            [
                f"{self.args.binaries}/debug/standins",
                *("--workos-port", str(free_port()), "--orgvue-port", str(free_port())),
                *("--workos-key", WORKOS_KEY, "--webhook-secret", WEBHOOK_SECRETS[-1], "--orgvue-token", ORGVUE_TOKEN),
            ],
            stdout=subprocess.PIPE,
            text=True,
        )
        ready = json.loads(self.standins.stdout.readline())
        self.workos, self.orgvue = ready["workos_url"].rstrip("/"), ready["orgvue_url"].rstrip("/")
        assert called("PUT", f"{self.orgvue}/_standin/tenants/{TENANT}", {"dataset_id": DATASET, "rows": [API_ACCOUNT]})[0] == 204
        status, body = called("POST", f"{self.workos}/_standin/directories", DIRECTORY)
        assert status == 200, body

    def stop_standins(self):
        """The tests have their own, at the same addresses."""
        if standins := getattr(self, "standins", None):
            standins.kill()
            standins.wait()

    def make_secrets(self):
        def secret(name, text):
            return self.secrets.create_secret(Name=name, SecretString=text)["ARN"]

        self.workos_key_arn = secret(f"{STACK}/workos-api-key", WORKOS_KEY)
        self.webhook_secrets_arn = secret(f"{STACK}/workos-webhooks", json.dumps(WEBHOOK_SECRETS))
        secret(f"{TOKEN_PREFIX}{TENANT}", ORGVUE_TOKEN)

    def deploy(self):
        folder = self.scratch / "build"
        folder.mkdir()
        for function in ["webhook", "sync"]:
            with zipfile.ZipFile(folder / f"{function}.zip", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
                entry = zipfile.ZipInfo("bootstrap")
                entry.external_attr = 0o100755 << 16
                entry.compress_type = zipfile.ZIP_DEFLATED
                archive.writestr(entry, Path(self.args.binaries, "emulator", function).read_bytes())
        template = folder / "template.yaml"
        template.write_text(re.sub(r"CodeUri: functions/(.*)", r"CodeUri: \1.zip", self.template))
        parameters = {
            "Architecture": "arm64" if platform.machine() == "aarch64" else "x86_64",
            "OrgvueUrl": self.orgvue,
            "WorkosUrl": self.workos,
            "WorkosApiKeyArn": self.workos_key_arn,
            "WorkosWebhookSecretsArn": self.webhook_secrets_arn,
            "OrgvueTokenPrefix": TOKEN_PREFIX,
            "WebhookPathToken": PATH_TOKEN,
            "AlarmTopicArn": "arn:aws:sns:eu-west-1:000000000000:alarms",
            "SubnetIds": "subnet-0123456789abcdef0,subnet-0123456789abcdef1",
            "SecurityGroupIds": "sg-0123456789abcdef0",
            "WindowSeconds": WINDOW_SECONDS,
        }
        # With the settings of staging, but for what they are about.
        run(
            *(self.args.sam, "deploy", "--config-file", str(Path("infra/samconfig.toml").resolve()), "--config-env", "staging"),
            *("--template-file", str(template), "--stack-name", STACK, "--no-progressbar"),
            *("--parameter-overrides", *(f"{name}={value}" for name, value in parameters.items())),
        )
        stack = self.cloudformation.describe_stacks(StackName=STACK)["Stacks"][0]
        assert stack["StackStatus"] == "CREATE_COMPLETE", stack["StackStatus"]
        self.outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
        pages = self.cloudformation.get_paginator("list_stack_resources").paginate(StackName=STACK)
        self.ids = {made["LogicalResourceId"]: made["PhysicalResourceId"] for page in pages for made in page["StackResourceSummaries"]}
        # CloudFormation makes a number of the parameter; the emulator keeps the text, and stumbles over it.
        (mapping,) = self.lambda_.list_event_source_mappings(FunctionName=f"{STACK}-sync")["EventSourceMappings"]
        assert mapping["ScalingConfig"]["MaximumConcurrency"] in (20, "20"), mapping
        self.lambda_.update_event_source_mapping(UUID=mapping["UUID"], ScalingConfig={"MaximumConcurrency": 20})

    # ------------------------------------------------------------ using it

    def make_operator(self):
        """A person with the operator policy and nothing else; and what the emulator needs besides."""
        self.iam.create_user(UserName="operator")
        self.key = self.iam.create_access_key(UserName="operator")["AccessKey"]
        self.environment = {}
        self.give("Operator", "OperatorPolicy")

        # The emulator asks the role as if every schedule were in the default group, whatever the request says. By now the policies have been compared.
        default_group = "arn:aws:scheduler:eu-west-1:000000000000:schedule/default/*"
        allow = {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "scheduler:CreateSchedule", "Resource": default_group}}
        self.iam.put_role_policy(RoleName=self.ids["WebhookRole"], PolicyName="emulator", PolicyDocument=json.dumps(allow))

    def give(self, name, policy):
        """The operator may do what this policy lets, and knows the variables for it."""
        self.iam.attach_user_policy(UserName="operator", PolicyArn=self.outputs[policy])
        pairs = self.outputs[f"{name}Environment"].removeprefix("export ").split()
        self.environment.update(pair.split("=", 1) for pair in pairs)

    def orgvue_scim(self, *command):
        """What it answers. It may end with 2, as when a person should look: here at the finding of the guide's fifth user."""
        key = {"AWS_ACCESS_KEY_ID": self.key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": self.key["SecretAccessKey"]}
        return run(f"{self.args.binaries}/debug/orgvue-scim", *command, env={**os.environ, **self.environment, **key}, ends=(0, 2))

    def accounts(self):
        """Login to roles of the enabled accounts, but for the one that owns the token."""
        rows = json.loads(called("GET", f"{self.orgvue}/_standin/state")[1])["tenants"][TENANT]["rows"]
        return {row["Login"]: set(row["Role"].split(",")) for row in rows if row["Enabled"] and row["Login"] != API_ACCOUNT["Login"]}

    def use_command_line(self):
        failed = [check for check in json.loads(self.orgvue_scim("doctor", "--output", "json"))["checks"] if not check["ok"]]
        assert not failed, failed
        self.orgvue_scim("integration", "apply", INTEGRATION, "--wait")
        expected = {"testuser1@testOrg.com": {"user"}, "testuser2@testOrg.com": {"admin"}, "testuser3@testOrg.com": {"user", "Retail", "ManagerRetail"}}
        assert self.accounts() == expected, self.accounts()

        def idle():
            (integration,) = json.loads(self.orgvue_scim("status", "guide-single", "--output", "json"))["integrations"]
            return integration["work"] == {"state": "idle"} and not integration["fault"]

        until("an idle integration", idle, 30)
        self.stop_standins()

    def webhook_url(self, token):
        return re.sub(r"https://([^.]+)\..*", rf"{self.emulator}/_aws/lambda-url/\1/{token}", self.outputs["WebhookUrl"])

    def path_token(self):
        """The tests know the right one only."""
        assert called("POST", self.webhook_url("another-path"), {})[0] == 401
        until("a refusal for the path", lambda: self.log("webhook", '"path_token"'), 10)

    def tell_stories(self):
        """The tests that are for both, of this stack. They are built already. Some restore, or look ahead."""
        self.give("Vendor", "VendorAccessPolicy")
        description = {
            "endpoint_url": self.emulator,
            "owner": {"id": os.environ["AWS_ACCESS_KEY_ID"], "secret": os.environ["AWS_SECRET_ACCESS_KEY"]},
            "operator": {"id": self.key["AccessKeyId"], "secret": self.key["SecretAccessKey"]},
            "environment": self.environment,
            "webhook_url": self.webhook_url(PATH_TOKEN),
            "window_group": f"{STACK}-windows",
            "dead_letter_queue_urls": [self.ids["DeadLetterQueue"], self.ids["ScheduleDeadLetterQueue"]],
            "workos_key": WORKOS_KEY,
            "webhook_secrets": WEBHOOK_SECRETS,
        }
        file = self.scratch / "stack.json"
        file.write_text(json.dumps(description))
        environment = {**os.environ, "ORGVUE_SCIM_STACK": str(file), "RUST_BACKTRACE": "0"}
        told = run("cargo", "test", "--locked", "--workspace", "--test", "e2e", env=environment)
        n_told = len(re.findall(r"^test .* \.\.\. ok$", told, re.MULTILINE))
        assert n_told >= 12, told

    def log(self, function, text):
        """The lines of a function's log that hold this."""
        pages = self.logs.get_paginator("filter_log_events").paginate(logGroupName=f"/aws/lambda/{STACK}-{function}")
        return [event["message"] for page in pages for event in page["events"] if text in event["message"]]

    def look_at_logs(self):
        until("a sweep by the schedule", lambda: self.log("sync", "sweep ended"), 100)
        assert self.log("sync", "notice sent"), "nobody was told of what is held"
        for function in ["webhook", "sync"]:
            errors = [line for line in self.log(function, '"ERROR"') if EXPECTED_ERROR not in line]
            assert not errors, errors
            # As in the tests, which hear what runs in their own process.
            private = [line for line in self.log(function, "") if any(text in line for text in ["@", "%40", PRIVATE])]
            assert not private, private

    # ------------------------------------------------------------ looking at what was made

    def names(self):
        """What the template sets and watches is what the functions know."""
        documented = set(re.findall(r"^\| `(\w+)` \|", Path("docs/configuration.md").read_text(), re.MULTILINE))
        source = "".join(path.read_text() for folder in ["functions", "shared"] for path in Path(folder).glob("*/src/**/*.rs"))
        for function in ["webhook", "sync"]:
            variables = self.lambda_.get_function_configuration(FunctionName=f"{STACK}-{function}")["Environment"]["Variables"]
            assert set(variables) <= documented, f"{function} is given {sorted(set(variables) - documented)}, which docs/configuration.md does not know"
        widgets = json.loads(self.cloudwatch.get_dashboard(DashboardName=STACK)["DashboardBody"])["widgets"]
        shown = {metric[1] for widget in widgets for metric in widget["properties"].get("metrics", []) if metric[0] == "OrgvueScim"}
        watched = {alarm["MetricName"] for alarm in self.cloudwatch.describe_alarms()["MetricAlarms"] if alarm["Namespace"] == "OrgvueScim"}
        unknown = {name for name in shown | watched if f'"{name}"' not in source}
        assert not unknown, f"no function writes {sorted(unknown)}"

    def environments(self):
        """samconfig.toml says nothing that the template would not take. SAM passes over a name that it does not know."""
        parameters = self.template.split("\nParameters:\n")[1].split("\nConditions:\n")[0]
        patterns = {name: re.search(r"AllowedPattern: (.*)", text) for name, text in re.findall(r"^  (\w+):\n((?:    .*\n|\n)+)", parameters, re.MULTILINE)}
        assert len(patterns) >= 20, sorted(patterns)
        environments = tomllib.loads(Path("infra/samconfig.toml").read_text())
        for name in ["staging", "production"]:
            for override in environments[name]["deploy"]["parameters"]["parameter_overrides"]:
                parameter, value = override.split("=", 1)
                assert parameter in patterns, f"{name} sets {parameter}, which the template does not have"
                pattern = patterns[parameter]
                assert not pattern or re.search(pattern[1].strip("\"'"), value), f"{name} sets {parameter} to what the template refuses"

    def role_policies(self, role):
        names = self.iam.list_role_policies(RoleName=role)["PolicyNames"]
        assert not self.iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"], f"{role} has managed policies"
        return [parse_policy_document(self.iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]) for name in names]

    def managed_policy(self, arn):
        version = self.iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
        return [parse_policy_document(self.iam.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"]["Document"])]

    @staticmethod
    def allowed(policies, action, resource, **context):
        context = {name.replace("_", ":", 1): value for name, value in context.items()}
        asked = EvalContext("", "AssumedRole", "000000000000", action, resource, "eu-west-1", service_context=context)
        return evaluate(asked, policies).decision == "Allow"

    def permissions(self):
        webhook, sync, window, sweep = (self.role_policies(self.ids[f"{name}Role"]) for name in ["Webhook", "Sync", "Window", "Sweep"])
        operator, vendors = (self.managed_policy(self.outputs[name]) for name in ["OperatorPolicy", "VendorAccessPolicy"])
        self.table_permissions({"webhook": webhook, "sync": sync, "operators": operator})

        arn = "arn:aws:{}:eu-west-1:000000000000:{}".format
        queue, dead, schedule_dead = (
            self.sqs.get_queue_attributes(QueueUrl=self.ids[f"{name}Queue"], AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
            for name in ["Sync", "DeadLetter", "ScheduleDeadLetter"]
        )
        table = self.dynamodb.describe_table(TableName=self.outputs["TableName"])["Table"]["TableArn"]
        schedule = arn("scheduler", f"schedule/{STACK}-windows/acme.1")
        role = self.iam.get_role(RoleName=self.ids["WindowRole"])["Role"]["Arn"]
        token = arn("secretsmanager", f"secret:{TOKEN_PREFIX}{TENANT}-AbCdEf")
        notices = self.ids["NoticeTopic"]
        interface = arn("ec2", "network-interface/*")
        roles = {"webhook": webhook, "sync": sync, "window": window, "sweep": sweep, "operator": operator, "vendors": vendors}
        # Who may, and nobody else.
        for action, resource, who, context in [
            ("sqs:SendMessage", queue, {"webhook", "sync", "window", "operator"}, {}),
            ("sqs:SendMessage", dead, {"sync"}, {}),
            ("sqs:SendMessage", schedule_dead, {"window", "sweep"}, {}),
            ("sqs:ReceiveMessage", queue, {"sync"}, {}),
            ("sqs:DeleteMessage", queue, {"sync"}, {}),
            ("sqs:GetQueueAttributes", queue, {"sync", "operator"}, {}),
            ("sqs:DeleteMessage", dead, {"operator"}, {}),
            ("sqs:PurgeQueue", queue, set(), {}),
            ("scheduler:CreateSchedule", schedule, {"webhook"}, {}),
            ("scheduler:CreateSchedule", schedule.replace("windows", "sweep"), set(), {}),
            ("scheduler:DeleteSchedule", schedule, set(), {}),
            ("iam:PassRole", role, {"webhook"}, {"iam_passedtoservice": "scheduler.amazonaws.com"}),
            ("iam:PassRole", role, set(), {"iam_passedtoservice": "lambda.amazonaws.com"}),
            ("iam:PassRole", role.replace(self.ids["WindowRole"], self.ids["SyncRole"]), set(), {"iam_passedtoservice": "scheduler.amazonaws.com"}),
            ("secretsmanager:GetSecretValue", self.webhook_secrets_arn, {"webhook"}, {}),
            ("secretsmanager:GetSecretValue", self.workos_key_arn, {"sync", "vendors"}, {}),
            ("secretsmanager:GetSecretValue", token, {"sync", "vendors"}, {}),
            ("secretsmanager:GetSecretValue", token.replace("/tokens/", "/tokens"), set(), {}),
            ("secretsmanager:PutSecretValue", token, set(), {}),
            ("sns:Publish", notices, {"sync"}, {}),
            ("sns:Publish", arn("sns", "alarms"), set(), {}),
            ("lambda:InvokeFunction", arn("lambda", f"function:{STACK}-sync"), {"sweep"}, {}),
            ("lambda:InvokeFunction", arn("lambda", f"function:{STACK}-webhook"), set(), {}),
            ("logs:PutLogEvents", arn("logs", f"log-group:/aws/lambda/{STACK}-sync:log-stream:a"), {"sync"}, {}),
            ("logs:PutLogEvents", arn("logs", f"log-group:/aws/lambda/{STACK}-webhook:log-stream:a"), {"webhook"}, {}),
            ("xray:PutTraceSegments", "*", {"webhook", "sync"}, {}),
            # What the runbook and the README look at.
            ("scheduler:GetSchedule", arn("scheduler", f"schedule/{STACK}-sweep/{self.ids['Sweep']}"), {"operator"}, {}),
            ("scheduler:UpdateSchedule", arn("scheduler", f"schedule/{STACK}-sweep/{self.ids['Sweep']}"), set(), {}),
            ("cloudformation:DescribeStacks", arn("cloudformation", f"stack/{STACK}/1"), {"operator"}, {}),
            ("cloudformation:DescribeStacks", arn("cloudformation", f"stack/{STACK}-2/1"), set(), {}),
            ("cloudwatch:DescribeAlarms", "*", {"operator"}, {}),
            ("cloudwatch:GetMetricData", "*", {"operator"}, {}),
            ("cloudwatch:GetDashboard", f"arn:aws:cloudwatch::000000000000:dashboard/{STACK}", {"operator"}, {}),
            ("cloudwatch:GetDashboard", "arn:aws:cloudwatch::000000000000:dashboard/another", set(), {}),
            # No transaction of ours asks for it.
            ("dynamodb:ConditionCheckItem", table, set(), {"dynamodb_leadingkeys": ["INTEGRATIONS"]}),
            # Lambda in the function's name, and not its code.
            ("ec2:CreateNetworkInterface", interface, {"sync"}, {}),
            ("ec2:CreateNetworkInterface", interface, set(), {"lambda_sourcefunctionarn": arn("lambda", f"function:{STACK}-sync")}),
        ]:
            may = {name for name, policies in roles.items() if self.allowed(policies, action, resource, **context)}
            assert may == who, f"{action} on {resource} {context}: {sorted(may)} may, {sorted(who)} should"
        for name, group in [("WindowRole", "windows"), ("SweepRole", "sweep")]:
            (trust,) = self.iam.get_role(RoleName=self.ids[name])["Role"]["AssumeRolePolicyDocument"]["Statement"]
            wanted = {"StringEquals": {"aws:SourceAccount": "000000000000", "aws:SourceArn": arn("scheduler", f"schedule-group/{STACK}-{group}")}}
            assert trust["Condition"] == wanted, trust

    def table_permissions(self, roles):
        """Every role may do with every kind of partition key exactly what the threat model's table says."""
        table = self.dynamodb.describe_table(TableName=self.outputs["TableName"])["Table"]["TableArn"]
        text = Path("docs/threat-model.md").read_text().split("## Roles and key prefixes")[1].split("\n## ")[0]
        rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("| `")]
        assert len(rows) >= 11, "the table of roles is not where it was"
        everything = [parse_policy_document({"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}})]
        keys = 0
        for keys_cell, *cells, _logins in rows:
            for key in re.findall(r"`([^`]+)`", keys_cell):
                keys += 1
                key = re.sub(r"<[^>]+>", "x", key)
                for (role, policies), cell in zip(roles.items(), cells, strict=True):
                    documented = set().union(*(WORDS[word.strip(" *")] for word in cell.split(",")))
                    may = {a for a in WORDS["all"] if self.allowed(policies, f"dynamodb:{a}", table, dynamodb_leadingkeys=[key])}
                    assert may == documented, f"{role} may {sorted(may)} with {key}, documented is {sorted(documented)}"
                    # What people decide stays denied, whatever a role is allowed one day. A batch with one such key is denied whole.
                    if role != "operators" and key.split("#")[0] in {"APPROVAL", "INTEGRATIONS", "LOCK", "DEPLOYMENT", "AUDIT"}:
                        for action in ["PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem"]:
                            asked = {"dynamodb_leadingkeys": ["PENDING#x", key]}
                            assert not self.allowed(policies + everything, f"dynamodb:{action}", table, **asked), (role, action, key)
                for role, policies in roles.items():
                    assert self.allowed(policies, "dynamodb:Scan", table) == (role == "operators"), f"Scan by {role}"
        assert keys >= 14, keys

    def alarms_and_documents(self):
        alarms = {alarm["AlarmName"].removeprefix(f"{STACK}-"): alarm for page in self.cloudwatch.get_paginator("describe_alarms").paginate() for alarm in page["MetricAlarms"]}
        declared = re.findall(r"^  (\w+)Alarm:$", self.template, re.MULTILINE)
        assert sorted(alarms) == sorted(declared) and len(alarms) >= 20, sorted(alarms)
        headings = re.findall(r"^## (.*)$", Path("docs/runbook.md").read_text(), re.MULTILINE)
        anchors = {re.sub(r"[^a-z0-9 -]", "", heading.lower()).replace(" ", "-") for heading in headings}
        deployment = Path("docs/deployment.md").read_text()
        for name, alarm in alarms.items():
            link = alarm["AlarmDescription"].split()[-1]
            assert link.startswith("docs/runbook.md#") and link.split("#")[1] in anchors, f"{name} links to {link}"
            assert f"| `{name}` |" in deployment and f"runbook.md#{link.split('#')[1]}" in deployment, f"docs/deployment.md does not describe {name}"
            assert alarm["AlarmActions"] == ["arn:aws:sns:eu-west-1:000000000000:alarms"], name
            ours = {d["Name"]: d["Value"] for d in alarm["Dimensions"]}.get("DEPLOYMENT_NAME")
            assert (alarm["Namespace"] == "OrgvueScim") == (ours == STACK), f"{name} watches {alarm['Namespace']} of {ours}"
        raised_by_silence = {name for name, alarm in alarms.items() if alarm["TreatMissingData"] == "breaching"}
        assert raised_by_silence == {"SweepSilent"}, f"silence says what only data can say: {sorted(raised_by_silence)}"
        for name in ["WorkosFaults", "OrgvueFaults"]:
            self.lasts_as_long_as_the_fault(name, alarms[name])
        for parameter in self.cloudformation.describe_stacks(StackName=STACK)["Stacks"][0]["Parameters"]:
            assert f"| `{parameter['ParameterKey']}` |" in deployment, f"docs/deployment.md does not describe {parameter['ParameterKey']}"
        dashboard = json.loads(self.cloudwatch.get_dashboard(DashboardName=STACK)["DashboardBody"])
        assert "${" not in json.dumps(dashboard) and len(dashboard["widgets"]) >= 10
        (shown,) = [widget["properties"]["alarms"] for widget in dashboard["widgets"] if widget["type"] == "alarm"]
        arns = {alarm["AlarmArn"]: name for name, alarm in alarms.items()}
        assert sorted(shown) == sorted(arns), f"the dashboard does not show {sorted(arns[arn] for arn in arns.keys() - set(shown))}"

    @staticmethod
    def lasts_as_long_as_the_fault(name, alarm):
        """A run that fails is tried again a quarter of an hour behind its end, and up to a minute later; it may itself take all the time of the function."""
        period, n_periods, n_wanted = alarm["Period"], alarm["EvaluationPeriods"], alarm["DatapointsToAlarm"]
        for run in [0, 460, 900]:
            between = run + 900 + 60
            for first in range(0, between, 10):
                seen = {failed // period for failed in range(first, n_periods * period, between)}
                assert len(seen) >= n_wanted, f"{name} ends in the middle of an outage in which a run takes {run} s: {len(seen)} of {n_periods} periods"
        assert (n_wanted - 2) * period >= 900, f"{name} is raised by a fault of less than a quarter of an hour"

    def resources(self):
        table = self.dynamodb.describe_table(TableName=self.outputs["TableName"])["Table"]
        assert table["DeletionProtectionEnabled"], table
        (mapping,) = self.lambda_.list_event_source_mappings(FunctionName=f"{STACK}-sync")["EventSourceMappings"]
        assert mapping["BatchSize"] == 1 and mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"], mapping
        queue = self.sqs.get_queue_attributes(QueueUrl=self.ids["SyncQueue"], AttributeNames=["All"])["Attributes"]
        sync = self.lambda_.get_function_configuration(FunctionName=f"{STACK}-sync")
        assert int(queue["VisibilityTimeout"]) >= 6 * sync["Timeout"], queue
        assert json.loads(queue["RedrivePolicy"])["maxReceiveCount"] == 3, queue
        schedule = self.scheduler.get_schedule(GroupName=f"{STACK}-sweep", Name=self.ids["Sweep"])
        assert schedule["ScheduleExpression"] == "rate(1 minute)" and json.loads(schedule["Target"]["Input"]) == {"action": "sweep"}
        assert schedule["Target"]["DeadLetterConfig"] and schedule["Target"]["RetryPolicy"], schedule
        groups = {group["logGroupName"]: group.get("retentionInDays") for group in self.logs.describe_log_groups()["logGroups"]}
        for function in ["webhook", "sync"]:
            configuration = self.lambda_.get_function_configuration(FunctionName=f"{STACK}-{function}")
            assert configuration["TracingConfig"]["Mode"] == "Active" and configuration["Runtime"] == "provided.al2023", configuration
            assert groups[f"/aws/lambda/{STACK}-{function}"] == 90, groups
        policy = json.loads(self.lambda_.get_policy(FunctionName=f"{STACK}-webhook")["Policy"])
        assert {s["Action"] for s in policy["Statement"]} == {"lambda:InvokeFunctionUrl", "lambda:InvokeFunction"}, policy
        assert not [s for s in policy["Statement"] if not s.get("Condition")], "anybody may invoke the webhook function past its URL"

    def last_words(self):
        """What the functions logged, for who has to find out why."""
        for function in ["webhook", "sync"]:
            with contextlib.suppress(Exception):
                print(f"\nThe end of the {function} function's log:", *self.log(function, "")[-20:], sep="\n")


def main():
    parser = argparse.ArgumentParser()
    for name in ["--sam", "--binaries", "--scratch"]:
        parser.add_argument(name, required=True)
    check = Check(parser.parse_args())
    try:
        with step("stand-ins, secrets"):
            check.start_standins()
            check.make_secrets()
        with step("sam deploy"):
            check.deploy()
        with step("permissions"):
            check.permissions()
        with step("resources"):
            check.resources()
        with step("alarms, dashboard, documents"):
            check.alarms_and_documents()
        with step("variables, metrics"):
            check.names()
        with step("staging, production"):
            check.environments()
        with step("orgvue-scim as an operator"):
            check.make_operator()
            check.use_command_line()
        with step("the path token"):
            check.path_token()
        with step("the end-to-end tests' stories"):
            check.tell_stories()
        with step("the sweep by its schedule, logs"):
            check.look_at_logs()
    except SystemExit:
        check.last_words()
        raise
    finally:
        check.stop_standins()


if __name__ == "__main__":
    main()
