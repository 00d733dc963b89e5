"""The question to a person: Airflow's ApprovalOperator, which also records a refusal and says what no answer means."""

from __future__ import annotations

from typing import Any

from airflow.providers.standard.operators.hitl import ApprovalOperator


class OpenApproval(ApprovalOperator):
    """Asks about one candidate. Who may approve it is checked by the task that publishes, after the answer."""

    def execute_complete(self, context: Any, event: dict[str, Any]) -> Any:
        """The answer: on `Reject` the refusal is recorded and the rest is skipped."""
        from dags.factory import approval_tasks

        if event.get("error_type") == "timeout":
            approval_tasks.unanswered(context)
        if event.get("chosen_options") == [self.REJECT]:
            approval_tasks.refuse(context, event)
        elif "error" not in event:
            approval_tasks.require_reason(event)
        return super().execute_complete(context, event)
