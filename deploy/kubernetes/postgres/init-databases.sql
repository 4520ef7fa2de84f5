-- Makes the databases of the ledger and of MLflow, each with its own role, when PostgreSQL starts on an empty folder.
-- The passwords come from the environment: they are on no command line.
\getenv ledger_password LEDGER_PASSWORD
\getenv mlflow_password MLFLOW_PASSWORD
CREATE ROLE tuner LOGIN PASSWORD :'ledger_password';
CREATE ROLE mlflow LOGIN PASSWORD :'mlflow_password';
CREATE DATABASE tuner OWNER tuner ENCODING 'UTF8' TEMPLATE template0;
CREATE DATABASE mlflow OWNER mlflow ENCODING 'UTF8' TEMPLATE template0;
REVOKE ALL ON DATABASE tuner, mlflow FROM PUBLIC;
