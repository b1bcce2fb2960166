# One file for every image: `docker build --build-arg SERVICE=runs .` An image holds shared/ and its
# own service, and no other. Where the code is elsewhere, SOURCE says so:
# SERVICE=portal SOURCE=gateway/portal, and SERVICE=execution SOURCE=execution.

# Installs what every image has: once, however many are built.
FROM python:3.11-slim AS common

ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_REQUIRE_HASHES=1
COPY requirements/common.txt /tmp/
RUN python3 -m venv --without-pip /opt/venv \
    && pip --python /opt/venv/bin/python install -r /tmp/common.txt

# Adds what this one has. The image that runs has no tool to install with.
FROM common AS build

ARG SERVICE
COPY requirements/${SERVICE}.txt /tmp/
RUN pip --python /opt/venv/bin/python install -r /tmp/${SERVICE}.txt

FROM python:3.11-slim

ARG SERVICE

# git: modules reads definitions from repositories, execution checks them out.
RUN case "$SERVICE" in modules | execution) \
        apt-get update \
        && apt-get install -y --no-install-recommends git openssh-client ca-certificates \
        && rm -rf /var/lib/apt/lists/* ;; \
    esac

# Volumes mounted at these two take over their owner.
RUN useradd --uid 10001 --create-home mlsploit \
    && install --directory --owner=mlsploit --group=mlsploit /data /credentials

COPY --from=build /opt/venv /opt/venv

WORKDIR /app
ARG SOURCE=services/${SERVICE}
# The names of all settings: a process refuses any other.
COPY .env.example ./
COPY deploy/*.sh deploy/*.py deploy/
COPY deploy/doctor deploy/doctor
COPY deploy/streams deploy/streams
COPY shared shared
COPY ${SOURCE} ${SOURCE}

ENV PATH=/opt/venv/bin:$PATH \
    SERVICE=${SERVICE} \
    MLSPLOIT_DATA_DIR=/data \
    MLSPLOIT_WORKER_DIR=/data/execution \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
RUN python -m compileall -q .

USER mlsploit
EXPOSE 8000
HEALTHCHECK --interval=5s --timeout=5s --start-period=60s --retries=3 CMD ["deploy/healthy.sh"]
ENTRYPOINT ["deploy/entrypoint.sh"]
