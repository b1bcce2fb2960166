"""Carries one claimed job out, from its input files to the final report.

The lease rules (`tenure.py`): while it is kept the job runs, when it is lost everything stops and
nothing more is reported. Whatever else goes wrong ends in the job's own log and status FAILED.
"""

import asyncio
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from execution.claims import Claim
from execution.failures import GatewayRefusal, GatewayTrouble, JobFailed, LeaseLost
from execution.gateway import Gateway
from execution.joblog import JobLog
from execution.limits import check_output, run_within_limits
from execution.outputs import HandOn, Step, plan_outputs, read_output_document
from execution.runners import Runner
from execution.settings import WorkerSettings
from execution.tenure import Tenure
from execution.workspace import Workspace, is_plain_file, refuse_bad_inputs

RELEASE_SECONDS_MAX = 3.0

log = structlog.get_logger(__name__)


@dataclass
class Report:
    """The final report; files stored before a failure stay in it, or nothing would own them."""

    status: str = "FAILED"
    output: str | None = None
    files: list[str] = field(default_factory=list)

    def body(self) -> dict[str, object]:
        body: dict[str, object] = {"status": self.status, "output_files": self.files}
        if self.output is not None:
            body["output"] = self.output
        return body


class JobExecution:
    def __init__(
        self, claim: Claim, gateway: Gateway, runner: Runner, settings: WorkerSettings
    ) -> None:
        self._claim = claim
        self._gateway = gateway
        self._runner = runner
        self._settings = settings
        self._workspace = Workspace(jobs_folder(settings) / _folder_name(claim))
        self._tenure = Tenure(claim, gateway, settings.name)
        self._is_log_full = False
        self._logs_under, self._log_shift = claim, 0
        self._log = JobLog(
            self._append_log,
            offset=claim.job.log_bytes,
            bytes_max=settings.log_bytes_max,
        )

    async def carry_out(self) -> None:
        """Ends with the job reported or lost; when cancelled, with the job given back."""
        try:
            await self._work_under_lease()
        except asyncio.CancelledError:
            await self._release()
            raise
        finally:
            await asyncio.to_thread(self._workspace.remove)

    def doubt(self) -> None:
        """Somebody says that the job may not be ours any more: ask the gateway at once."""
        self._tenure.doubt()

    async def _work_under_lease(self) -> None:
        try:
            async with asyncio.TaskGroup() as tasks:
                heartbeats = tasks.create_task(self._tenure.keep())
                streaming = tasks.create_task(self._log.stream())
                report = await self._work()
                self._log.close()
                await streaming
                await self._send(report)
                heartbeats.cancel()
        except* LeaseLost as lost:
            log.info("lease_lost", job=self._claim.job.id, reason=str(lost.exceptions[0]))

    async def _work(self) -> Report:
        report = Report()
        try:
            await self._run_module()
            await self._collect(report)
            report.status = "FINISHED"
        except JobFailed as failure:
            self._log.say(str(failure))
        except LeaseLost:
            raise
        except Exception as error:
            # Whatever a module has thought of to trip the worker, its job ends here and now.
            log.exception("worker_failed", job=self._claim.job.id)
            self._log.say(f"the worker could not go on: {error!r}")
        return report

    async def _run_module(self) -> None:
        refuse_bad_inputs(self._claim.files)
        await asyncio.to_thread(self._workspace.make)
        for file in self._claim.files:
            await self._gateway.download(file, self._workspace)
        self._workspace.write_input_document(self._claim)
        await self._runner.prepare(self._claim.module, self._log.emit)
        code = await run_within_limits(
            self._runner, self._claim, self._workspace, self._log.emit, self._settings
        )
        if code != 0:
            raise JobFailed(f"run.sh ended with exit code {code}")

    async def _collect(self, report: Report) -> None:
        await check_output(self._workspace, self._settings)
        text = self._workspace.read_output_text()
        document = read_output_document(text)
        inputs = {file.name: file for file in self._claim.files}
        plan = await asyncio.to_thread(
            plan_outputs,
            document,
            inputs,
            lambda name: is_plain_file(self._workspace.output, name),
            lambda name: self._workspace.is_unchanged(inputs[name]),
        )
        report.output = text
        for step in plan:
            report.files.append(await self._store(step))

    async def _store(self, step: Step) -> str:
        if isinstance(step, HandOn):
            return step.url
        folder = self._workspace.input if step.is_input else self._workspace.output
        return await self._gateway.upload(
            self._claim, folder / step.name, step.tags, step.parent_url
        )

    async def _send(self, report: Report) -> None:
        self._tenure.end()
        try:
            await self._finish(report.body())
        except GatewayRefusal as refusal:
            self._log.say(f"the module's result was not accepted: {refusal.detail}")
            await self._log.stream()
            await self._finish({"status": "FAILED"})

    async def _finish(self, body: dict[str, object]) -> None:
        await self._tenure.under_lease(lambda claim: self._gateway.finish(claim, body))

    async def _append_log(self, offset: int, piece: bytes) -> None:
        """A log that takes no more, being full, is no reason to give the job up."""
        if self._is_log_full:
            return
        try:
            self._is_log_full = await self._tenure.under_lease(
                lambda claim: self._append_under(claim, offset, piece)
            )
        except GatewayRefusal as refusal:
            log.warning("log_refused", job=self._claim.job.id, reason=str(refusal))
            self._is_log_full = True

    async def _append_under(self, claim: Claim, offset: int, piece: bytes) -> bool:
        """A lease that was won back goes on behind what the service wrote meanwhile."""
        if claim is not self._logs_under:
            self._logs_under, self._log_shift = claim, claim.job.log_bytes - offset
        return await self._gateway.append_log(claim, offset + self._log_shift, piece)

    async def _release(self) -> None:
        """A job that we cannot end goes back at once; if even that fails, its lease runs out."""
        with suppress(GatewayTrouble, GatewayRefusal, LeaseLost, TimeoutError):
            async with asyncio.timeout(RELEASE_SECONDS_MAX):
                await self._gateway.release(self._tenure.claim, "the worker was stopped")
            log.info("job_released", job=self._claim.job.id)


def jobs_folder(settings: WorkerSettings) -> Path:
    return settings.folder / "jobs"


def _folder_name(claim: Claim) -> str:
    return f"{claim.job.id}-{claim.lease.attempt}-{time.monotonic_ns()}"
