# Two stages: what builds the package stays behind. The result holds Python and Chronos, and runs
# as nobody in particular.
#
#     docker build -t chronos .
#     docker run --rm -v ./jobs:/jobs:ro -v chronos-state:/state chronos cron /jobs
ARG PYTHON=3.13

FROM python:${PYTHON}-slim AS build
ARG SOURCE=/source PREFIX=/opt/chronos
WORKDIR ${SOURCE}
COPY pyproject.toml README.md LICENSE ./
COPY chronos_cli chronos_cli
COPY scripts/chronos scripts/chronos
COPY jobs jobs
RUN python3 -m venv "$PREFIX"
RUN "$PREFIX/bin/pip" install --no-cache-dir --disable-pip-version-check ".[all]"
RUN "$PREFIX/bin/pip" uninstall --yes --disable-pip-version-check pip

FROM python:${PYTHON}-slim
ARG PREFIX=/opt/chronos STATE=/state
COPY --from=build ${PREFIX} ${PREFIX}
# The state of `chronos cron` belongs on a volume, or a new container forgets what it has sent.
ENV PATH=${PREFIX}/bin:$PATH XDG_STATE_HOME=${STATE} PYTHONUNBUFFERED=1
RUN install -d -o 65532 -g 65532 "$STATE"
VOLUME ${STATE}
USER 65532:65532
STOPSIGNAL SIGTERM
ENTRYPOINT ["chronos"]
CMD ["--help"]
