# One image for every service and every one-shot of the deployment: the command says which.
# docker-compose.yml says which, so that it stands in one place
ARG PYTHON_IMAGE
FROM ${PYTHON_IMAGE}
WORKDIR /app
ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
COPY requirements.lock .
RUN python -m pip install --quiet --no-cache-dir --disable-pip-version-check --root-user-action=ignore --require-hashes -r requirements.lock
RUN mkdir -p /var/lib/checkpoints /var/lib/reports /var/lib/recovery /run/kms && chown 10001:10001 /var/lib/checkpoints /var/lib/reports /var/lib/recovery /run/kms
COPY shared shared
COPY services services
COPY infra infra
USER 10001:10001
EXPOSE 8000
HEALTHCHECK --interval=5s --timeout=4s --start-period=20s --retries=12 CMD ["python", "-m", "infra.compose.healthcheck"]
