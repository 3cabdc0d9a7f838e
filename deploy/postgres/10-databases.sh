#!/bin/bash
# On the first start: a role and a database for each of those that keep something here, and nothing of one for the other.
set -eu
psql --quiet --set ON_ERROR_STOP=1 --username "${POSTGRES_USER:-postgres}" --dbname postgres <<'SQL'
\set trainer_password `cat /run/secrets/postgres_trainer_password`
\set mlflow_password `cat /run/secrets/postgres_mlflow_password`
CREATE ROLE trainer LOGIN PASSWORD :'trainer_password';
CREATE ROLE mlflow LOGIN PASSWORD :'mlflow_password';
CREATE DATABASE trainer OWNER trainer;
CREATE DATABASE mlflow OWNER mlflow;
REVOKE CONNECT ON DATABASE trainer, mlflow, postgres FROM PUBLIC;
SQL
