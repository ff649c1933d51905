"""Where advisory databases are published."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class AdvisorySource:
    """The two databases of one publisher, as OCI references `host/repository:tag`."""

    database: str
    java_database: str


# Trivy's own defaults, in its own order.
PUBLIC_SOURCES = (
    AdvisorySource(
        database="mirror.gcr.io/aquasec/trivy-db:2",
        java_database="mirror.gcr.io/aquasec/trivy-java-db:1",
    ),
    AdvisorySource(
        database="ghcr.io/aquasecurity/trivy-db:2",
        java_database="ghcr.io/aquasecurity/trivy-java-db:1",
    ),
)
