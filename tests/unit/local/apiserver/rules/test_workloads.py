"""Selectors that fit, parts that stay."""

from typing import Any

from kaito.local.apiserver.rules.workloads import JobRules, ReplicaRules, StatefulSetRules

LABELS = {"app": "web"}


def workload(**spec: Any) -> dict[str, Any]:
    template = {"metadata": {"labels": LABELS}, "spec": {"containers": []}}
    return {"spec": {"selector": {"matchLabels": LABELS}, "template": template, **spec}}


def test_a_selector_selects_what_the_template_makes() -> None:
    rules = ReplicaRules()
    assert rules.problems(workload(), None) == ()
    (problem,) = rules.problems(workload(selector={"matchLabels": {"app": "other"}}), None)
    assert problem.field == "spec.template.metadata.labels"
    (problem,) = rules.problems(workload(selector={}), None)
    assert "empty selector" in problem.message


def test_a_selector_never_changes() -> None:
    other = workload(selector={"matchExpressions": [{"key": "app", "operator": "Exists"}]})
    (problem,) = ReplicaRules().problems(other, workload())
    assert "field is immutable" in problem.message


def test_of_a_stateful_set_only_few_fields_change() -> None:
    rules = StatefulSetRules()
    assert rules.problems(workload(replicas=3), workload(replicas=1)) == ()
    (problem,) = rules.problems(workload(serviceName="b"), workload(serviceName="a"))
    assert problem.reason == "FieldValueForbidden"


def test_a_job_selects_its_pods_by_its_uid() -> None:
    job = {"metadata": {"name": "j", "uid": "u"}, **workload(selector=None)}
    made = JobRules().on_create(job)
    assert made["spec"]["selector"] == {"matchLabels": {"batch.kubernetes.io/controller-uid": "u"}}
    labels = made["spec"]["template"]["metadata"]["labels"]
    assert (labels["app"], labels["job-name"], labels["controller-uid"]) == ("web", "j", "u")
    assert JobRules().on_create(made) == made


def test_a_job_ends() -> None:
    endless = workload()
    endless["spec"]["template"]["spec"]["restartPolicy"] = "Always"
    (problem,) = JobRules().problems(endless, None)
    assert problem.field == "spec.template.spec.restartPolicy"


def test_an_indexed_job_says_how_many_numbers_it_has() -> None:
    job = workload(completionMode="Indexed")
    job["spec"]["template"]["spec"]["restartPolicy"] = "Never"
    (problem,) = JobRules().problems(job, None)
    assert (problem.field, problem.reason) == ("spec.completions", "FieldValueRequired")
    job["spec"]["completions"] = 2
    assert JobRules().problems(job, None) == ()
