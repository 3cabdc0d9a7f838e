"""What the dashboards show. `python -m monitoring.grafana` makes their JSON of it; a test compares.

A dashboard is for one question, a panel for one answer. Panels on data that nobody exposes yet (prediction log, drift,
feedback) come with that data.
"""

from typing import NamedTuple


class Panel(NamedTuple):
    """A title, a unit of Grafana's, and expressions with their legends. `kind` is a panel type of Grafana's."""

    title: str
    unit: str
    queries: tuple[tuple[str, str], ...]
    kind: str = "timeseries"
    width: int = 8
    about: str = ""


_SHORT = 'mlplatform_gateway_prediction_duration_seconds_bucket{size="short"}'

OVERVIEW = (
    Panel(
        "Predictions answered, last hour",
        "percentunit",
        (("1 - slo:prediction_errors:ratio_rate1h", "{{model}}"),),
        "stat",
        6,
        "At the gateway: everything but 5xx. The objective is 99.9 %.",
    ),
    Panel(
        "One row within 50 ms, last hour",
        "percentunit",
        (("1 - slo:slow_predictions:ratio_rate1h", "{{model}}"),),
        "stat",
        6,
        "At the gateway, of bodies up to 512 bytes. The objective is 99 %.",
    ),
    Panel("Replicas up", "none", (('sum by (job) (up{job=~".+-predictor|gateway|trainer"})', "{{job}}"),), "stat", 6),
    Panel(
        "Alerts that fire", "none", (('count by (severity) (ALERTS{alertstate="firing"})', "{{severity}}"),), "stat", 6
    ),
    Panel("Requests for predictions", "reqps", (("gateway:prediction_requests:rate5m", "{{model}}"),)),
    Panel(
        "Answers that are not 2xx",
        "reqps",
        (
            (
                'sum by (route, code) (rate(mlplatform_gateway_requests_total{code!="2xx"}[$__rate_interval]))',
                "{{route}} {{code}}",
            ),
        ),
    ),
    Panel(
        "Time to answer one row, at the gateway",
        "s",
        tuple(
            (f"histogram_quantile({q}, sum by (le, model) (rate({_SHORT}[$__rate_interval])))", f"{{{{model}}}} {q}")
            for q in (0.5, 0.99)
        ),
    ),
    Panel(
        "Error budget burned, as a multiple of what lasts a month",
        "none",
        (
            ("slo:prediction_errors:ratio_rate5m / 0.001", "{{model}} errors, 5 min"),
            ("slo:prediction_errors:ratio_rate1h / 0.001", "{{model}} errors, 1 h"),
            ("slo:slow_predictions:ratio_rate5m / 0.01", "{{model}} slow, 5 min"),
            ("slo:slow_predictions:ratio_rate1h / 0.01", "{{model}} slow, 1 h"),
        ),
    ),
    Panel(
        "Versions that serve",
        "none",
        (("count by (model, version) (mlplatform_model_version_info)", "{{model}} {{version}}"),),
        about="Replicas by version: more than one line of a model is a change under way, or one that got stuck.",
    ),
    Panel(
        "Versions that should serve and do not",
        "none",
        (
            (
                (
                    "count by (model, version) (mlplatform_model_desired_version_info"
                    " unless on (job, instance, model, version) mlplatform_model_version_info) or vector(0)"
                ),
                "{{model}} {{version}}",
            ),
        ),
    ),
)

MODELS = (
    Panel("Rows predicted", "rowsps", (("model:predictions:rate5m", "{{model}} {{version}} {{variant}}"),)),
    Panel(
        "What became of requests",
        "reqps",
        (("predictor:requests:rate5m", "{{model}} {{outcome}}"),),
        about="Per model.",
    ),
    Panel(
        "Why requests were refused",
        "reqps",
        (
            (
                "sum by (model, reason) (rate(mlplatform_predict_rejections_total[$__rate_interval]))",
                "{{model}} {{reason}}",
            ),
        ),
    ),
    Panel(
        "Predictions that met a bug",
        "reqps",
        (
            (
                "sum by (model, version, variant) (rate(mlplatform_prediction_failures_total[$__rate_interval]))",
                "{{model}} {{version}} {{variant}}",
            ),
        ),
        about="By the version that was to answer: one that alone fails is to be rolled back.",
    ),
    Panel(
        "Time to answer, in the predictor",
        "s",
        tuple(
            (
                (
                    f"histogram_quantile({q}, sum by (le, model)"
                    ' (rate(mlplatform_predict_request_duration_seconds_bucket{outcome="ok"}[$__rate_interval])))'
                ),
                f"{{{{model}}}} {q}",
            )
            for q in (0.5, 0.99)
        ),
    ),
    Panel(
        "Mean predicted price", "currencyUSD", (("model:prediction_value:mean1h * 100000", "{{model}} {{version}}"),)
    ),
    Panel(
        "Distribution of predicted prices, in 100,000 USD",
        "none",
        (("sum by (le) (increase(mlplatform_prediction_value_bucket[$__rate_interval]))", "{{le}}"),),
        "heatmap",
    ),
    Panel(
        "Classes predicted",
        "percentunit",
        (
            (
                (
                    "sum by (model, version, class) (rate(mlplatform_predicted_classes_total[1h])) / ignoring (class)"
                    " group_left sum by (model, version) (rate(mlplatform_predicted_classes_total[1h]))"
                ),
                "{{version}} {{class}}",
            ),
        ),
    ),
    Panel(
        "Confidence",
        "percentunit",
        (
            (
                (
                    "sum by (model, version) (rate(mlplatform_prediction_confidence_ratio_sum[1h]))"
                    " / sum by (model, version) (rate(mlplatform_prediction_confidence_ratio_count[1h]))"
                ),
                "mean, {{model}} {{version}}",
            ),
            (
                (
                    "histogram_quantile(0.05,"
                    " sum by (le, model) (rate(mlplatform_prediction_confidence_ratio_bucket[1h])))"
                ),
                "lowest 5 %, {{model}}",
            ),
        ),
    ),
    Panel(
        "Values that the version never saw in training",
        "reqps",
        (
            (
                "sum by (model, feature) (rate(mlplatform_prediction_warnings_total[$__rate_interval]))",
                "{{model}} {{feature}}",
            ),
        ),
    ),
    Panel(
        "Rows predicted for clients",
        "rowsps",
        (
            (
                "sum by (model, client) (rate(mlplatform_client_predictions_total[$__rate_interval]))",
                "{{model}} {{client}}",
            ),
        ),
    ),
    Panel(
        "Versions taken up and refused, last day",
        "none",
        (
            ("sum by (model, outcome) (increase(mlplatform_model_reload_total[1d]))", "{{model}} {{outcome}}"),
            ("sum by (model, reason) (increase(mlplatform_model_refusals_total[1d]))", "{{model}} {{reason}}"),
        ),
        "stat",
    ),
    Panel("In flight", "none", (("sum by (model) (mlplatform_predict_in_flight)", "{{model}}"),)),
    Panel(
        "Since the version was taken up",
        "s",
        (("time() - max by (model) (mlplatform_model_loaded_timestamp_seconds > 0)", "{{model}}"),),
        "stat",
    ),
)

ROLLOUTS = (
    Panel(
        "Versions by role",
        "none",
        (
            ("max by (model, role) (mlplatform_model_desired_version)", "{{model}} {{role}}, wanted"),
            ("min by (model, role) (mlplatform_model_actual_version)", "{{model}} {{role}}, on every replica"),
        ),
        about="Numbers of versions; 0 for none. Two lines of one role that part are a replica that does not follow.",
    ),
    Panel(
        "Since the registry last answered",
        "s",
        (
            (
                "time() - (mlplatform_registry_last_answer_timestamp_seconds > 0)",
                "{{model}} {{instance}}",
            ),
        ),
    ),
    Panel(
        "Versions in memory, and bad ones",
        "none",
        (
            ("max by (model) (mlplatform_model_loaded_versions)", "{{model}} in memory"),
            ("max by (model) (mlplatform_model_bad_versions)", "{{model}} bad"),
            ("sum by (model) (mlplatform_cache_repairs_total)", "{{model}} corrupt in the cache"),
        ),
    ),
    Panel("Bytes of models in memory", "bytes", (("mlplatform_model_loaded_bytes", "{{model}} {{instance}}"),)),
    Panel(
        "The challenger's share",
        "percentunit",
        (
            ("max by (model) (mlplatform_challenger_share)", "{{model}}, wanted"),
            (
                (
                    'sum by (model) (rate(mlplatform_predictions_total{variant="challenger"}[5m]))'
                    " / sum by (model) (rate(mlplatform_predictions_total[5m]))"
                ),
                "{{model}}, of the rows of five minutes",
            ),
        ),
    ),
    Panel(
        "The challenger's requests that the champion answered",
        "percentunit",
        (("model:challenger_fallbacks:ratio_rate5m", "{{model}} {{reason}}"),),
    ),
    Panel(
        "Shadow: copies",
        "reqps",
        (
            (
                "sum by (model, outcome) (rate(mlplatform_shadow_requests_total[$__rate_interval]))",
                "{{model}} {{outcome}}",
            ),
            ("sum by (model) (rate(mlplatform_shadow_dropped_total[$__rate_interval]))", "{{model}} dropped"),
        ),
    ),
    Panel(
        "Shadow: copies that failed or were dropped",
        "percentunit",
        (
            ("model:shadow_failures:ratio_rate5m", "{{model}} failed"),
            ("model:shadow_drops:ratio_rate5m", "{{model}} dropped"),
        ),
    ),
    Panel(
        "Shadow: rows answered otherwise, last hour",
        "percentunit",
        (
            ("model:shadow_disagreements:ratio_rate1h", "{{model}} not the same"),
            ("model:shadow_far_apart:ratio_rate1h", "{{model}} more than a fifth apart"),
        ),
        about="Numbers are hardly ever the same: look at how far they are apart.",
    ),
    Panel(
        "Shadow: how far apart, 99 %",
        "none",
        (
            (
                "histogram_quantile(0.99, sum by (le, model) (rate(mlplatform_shadow_difference_bucket[1h])))",
                "{{model}}",
            ),
        ),
        about="Numbers relative to the champion's, labels by their probabilities.",
    ),
    Panel(
        "Shadow: how much longer the challenger takes",
        "s",
        tuple(
            (
                (
                    f"histogram_quantile({q}, sum by (le, model)"
                    " (rate(mlplatform_shadow_latency_difference_seconds_bucket[5m])))"
                ),
                f"{{{{model}}}} {q}",
            )
            for q in (0.5, 0.99)
        ),
    ),
)

RETRAINING = (
    Panel("Jobs under way", "none", (("max by (model, state) (mlplatform_jobs)", "{{model}} {{state}}"),)),
    Panel(
        "How jobs ended",
        "none",
        (("max by (model, state, trigger) (mlplatform_jobs_finished_total)", "{{model}} {{state}} ({{trigger}})"),),
        about="`rejected` and `held` are successful trainings that the gate did not let through.",
    ),
    Panel(
        "Waiting and at work",
        "s",
        (
            ("max by (model) (mlplatform_job_queue_age_seconds)", "{{model}} waits"),
            ("max by (model) (mlplatform_job_running_seconds)", "{{model}} at work"),
        ),
    ),
    Panel(
        "Mean time of a job",
        "s",
        (
            (
                (
                    "max by (model) (mlplatform_job_duration_seconds_total)"
                    " / on (model) sum by (model) (max by (model, state, trigger) (mlplatform_jobs_finished_total))"
                ),
                "{{model}} at work",
            ),
            (
                (
                    "max by (model) (mlplatform_job_wait_seconds_total)"
                    " / on (model) sum by (model) (max by (model, state, trigger) (mlplatform_jobs_finished_total))"
                ),
                "{{model}} waiting",
            ),
        ),
    ),
    Panel(
        "Stages of the last job",
        "s",
        (("max by (model, stage) (mlplatform_job_stage_seconds)", "{{model}} {{stage}}"),),
    ),
    Panel("Attempts", "none", (("max by (model) (mlplatform_job_attempts_total)", "{{model}}"),)),
    Panel(
        "Promotions and rollbacks",
        "none",
        (("max by (model, action) (mlplatform_promotions_total)", "{{model}} {{action}}"),),
    ),
    Panel(
        "Champions", "none", (("max by (model, version) (mlplatform_champion_version_info)", "{{model}} {{version}}"),)
    ),
    Panel(
        "Age of the champion",
        "s",
        (("time() - max by (model) (mlplatform_champion_since_timestamp_seconds > 0)", "{{model}}"),),
        "stat",
    ),
    Panel(
        "Since the last successful training",
        "s",
        (("time() - max by (model) (mlplatform_job_last_success_timestamp_seconds > 0)", "{{model}}"),),
        "stat",
    ),
)

INFRASTRUCTURE = (
    Panel("Targets", "none", (("min by (job) (up)", "{{job}}"),), "stat", 24),
    Panel(
        "Signs of life",
        "s",
        (
            ("time() - max by (process) (mlplatform_heartbeat_timestamp_seconds > 0)", "{{process}}"),
            (
                "time() - max by (task) (mlplatform_worker_task_last_success_timestamp_seconds > 0)",
                "{{task}} succeeded",
            ),
            (
                "time() - max by (model) (mlplatform_registry_last_answer_timestamp_seconds > 0)",
                "registry to {{model}}",
            ),
            ("time() - max(mlplatform_upkeep_last_round_timestamp_seconds > 0)", "whole round of upkeep"),
            (
                "time() - max by (model) (mlplatform_registry_settled_timestamp_seconds > 0)",
                "registry and history agreed on {{model}}",
            ),
        ),
    ),
    Panel(
        "Celery's tasks",
        "ops",
        (
            (
                "sum by (task, outcome) (rate(mlplatform_worker_tasks_total[$__rate_interval]))",
                "{{task}} {{outcome}}",
            ),
            ("sum by (task) (rate(mlplatform_worker_tasks_received_total[$__rate_interval]))", "{{task}} received"),
            ("sum by (task) (rate(mlplatform_beat_tasks_published_total[$__rate_interval]))", "{{task}} published"),
        ),
    ),
    Panel(
        "Time of Celery's tasks",
        "s",
        (
            (
                (
                    "sum by (task) (rate(mlplatform_worker_task_duration_seconds_sum[5m]))"
                    " / sum by (task) (rate(mlplatform_worker_task_duration_seconds_count[5m]) > 0)"
                ),
                "{{task}}",
            ),
        ),
    ),
    Panel(
        "Redis: memory",
        "bytes",
        (("redis_memory_used_bytes", "used"), ("redis_memory_max_bytes", "limit")),
    ),
    Panel(
        "Redis: commands and clients",
        "none",
        (
            ("rate(redis_commands_processed_total[$__rate_interval])", "commands a second"),
            ("redis_connected_clients", "clients"),
        ),
    ),
    Panel(
        "nginx: connections",
        "none",
        (("nginx_connections_active", "active"), ("nginx_connections_waiting", "waiting")),
    ),
    Panel(
        "MLflow, Postgres and Redis answer",
        "none",
        (
            ("min by (model) (mlplatform_registry_reachable)", "MLflow, from {{model}}"),
            ("max(mlplatform_database_reachable)", "Postgres, from the trainer"),
            ("min by (model) (mlplatform_events_connected)", "Redis, to {{model}}"),
        ),
    ),
    Panel(
        "MLflow: calls",
        "reqps",
        (
            (
                "sum by (job, call, code) (rate(mlplatform_registry_requests_total[$__rate_interval])) > 0",
                "{{job}} {{call}} {{code}}",
            ),
        ),
        about="As the predictors and the trainer's API make them; `none` had no answer.",
    ),
    Panel(
        "MLflow: time to answer, 99 %",
        "s",
        (
            (
                (
                    "histogram_quantile(0.99,"
                    " sum by (le, job) (rate(mlplatform_registry_request_duration_seconds_bucket[5m])))"
                ),
                "{{job}}",
            ),
        ),
    ),
    Panel(
        "Postgres: connections",
        "none",
        (
            ("max by (database) (mlplatform_postgres_connections)", "{{database}}"),
            ("max(mlplatform_postgres_connections_max)", "limit, all together"),
        ),
    ),
    Panel(
        "Postgres: transactions",
        "ops",
        (
            (
                "max by (database, outcome) (rate(mlplatform_postgres_transactions_total[$__rate_interval]))",
                "{{database}} {{outcome}}",
            ),
            (
                "max by (database) (rate(mlplatform_postgres_deadlocks_total[$__rate_interval]))",
                "{{database}} deadlocks",
            ),
        ),
    ),
    Panel("Postgres: size", "bytes", (("max by (database) (mlplatform_postgres_size_bytes)", "{{database}}"),)),
    Panel(
        "nginx: requests",
        "reqps",
        (("sum by (route) (rate(mlplatform_gateway_requests_total[$__rate_interval])) > 0", "{{route}}"),),
    ),
    Panel("Memory", "bytes", (("process_resident_memory_bytes", "{{job}} {{instance}}"),)),
    Panel("Processor", "none", (("rate(process_cpu_seconds_total[$__rate_interval])", "{{job}} {{instance}}"),)),
    Panel(
        "Disk free",
        "percentunit",
        (("mlplatform_disk_free_bytes / mlplatform_disk_size_bytes", "{{job}} {{instance}}"),),
    ),
    Panel("Files open", "none", (("process_open_fds", "{{job}} {{instance}}"),)),
    Panel(
        "Requests other than predictions",
        "reqps",
        (
            (
                "sum by (job, route, code) (rate(mlplatform_http_requests_total[$__rate_interval])) > 0",
                "{{job}} {{route}} {{code}}",
            ),
        ),
    ),
    Panel(
        "Under way",
        "none",
        (
            ("sum by (job) (mlplatform_worker_tasks_active)", "{{job}}: tasks"),
            ("sum by (job) (mlplatform_http_requests_in_flight)", "{{job}}: requests other than predictions"),
        ),
    ),
    Panel(
        "Time to answer them, 99 %",
        "s",
        (
            (
                (
                    "histogram_quantile(0.99,"
                    " sum by (le, job) (rate(mlplatform_http_request_duration_seconds_bucket[5m])))"
                ),
                "{{job}}",
            ),
        ),
    ),
)

DASHBOARDS = {
    "overview": ("Overview", OVERVIEW),
    "models": ("Models", MODELS),
    "rollouts": ("Rollouts", ROLLOUTS),
    "retraining": ("Retraining", RETRAINING),
    "infrastructure": ("Infrastructure", INFRASTRUCTURE),
}

ANNOTATIONS = {
    "Promotions and rollbacks": (
        "sum by (model, action) (increase(mlplatform_promotions_total[1m])) > 0",
        "{{model}}: {{action}}",
        "green",
    ),
    "Processes started": ("changes(process_start_time_seconds[1m]) > 0", "{{job}} {{instance}}", "blue"),
}
