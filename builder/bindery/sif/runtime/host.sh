#!/bin/sh
# What of the host's variables comes in. What a file here sets to nothing, Apptainer unsets in the end.
# Apptainer runs this file in a shell of its own that shows the host's variables as a text only (__exported_env__), and
# adds them afterwards, but for those that were set here. Singularity before 3.6 shows them as they are.

if [ -n "${__exported_env__+set}" ]; then
    bindery_host=$__exported_env__
else
    bindery_host=$(/usr/bin/env)
fi
bindery_line='
'
bindery_spaces=$IFS
IFS=$bindery_line
set -f
for bindery_one in $bindery_host; do
    bindery_name=${bindery_one%%=*}
    bindery_value=${bindery_one#*=}
    case $bindery_name in
    *[!A-Za-z0-9_]* | '' | [0-9]*) ;;
    JUPYTER_TOKEN | JUPYTER_ALLOW_INSECURE_WRITES) ;;
    # The scripts that follow would not see that the host has them, and give them the values of the image.
    JUPYTERHUB_SERVICE_PREFIX | NB_USER | NB_UID | TZ)
        export "$bindery_name=$bindery_value"
        ;;
    # They name the host's programs, libraries and folders, and settings that were meant for those.
    PYTHON* | LD_* | CONDA_* | _CE_* | MAMBA_* | VIRTUAL_ENV* | JUPYTER_* | JUPYTERLAB_* | IPYTHONDIR | BASH_ENV | ENV)
        export "$bindery_name="
        ;;
    # A module of the host says where its own data and plugins are.
    PROJ_LIB | PROJ_DATA | GDAL_DATA | GDAL_DRIVER_PATH | UDUNITS2_XML_PATH | ESMFMKFILE | HDF5_PLUGIN_PATH | PERL5*)
        export "$bindery_name="
        ;;
    # A file that is not bound would make every TLS connection fail.
    SSL_CERT_FILE | REQUESTS_CA_BUNDLE | CURL_CA_BUNDLE | GIT_SSL_CAINFO | AWS_CA_BUNDLE | PIP_CERT | NODE_EXTRA_CA_*)
        [ -r "$bindery_value" ] || bindery_value=
        export "$bindery_name=$bindery_value"
        ;;
    SSL_CERT_DIR)
        [ -d "$bindery_value" ] || bindery_value=
        export "$bindery_name=$bindery_value"
        ;;
    TMPDIR | TMP | TEMP | DASK_TEMPORARY_DIRECTORY)
        [ -d "$bindery_value" ] && [ -w "$bindery_value" ] || bindery_value=
        export "$bindery_name=$bindery_value"
        ;;
    # A locale that the image lacks would be C, with a warning from every other program.
    LANG | LC_*)
        case $bindery_value in
        '' | C | POSIX | C.UTF-8 | C.utf8) ;;
        *)
            bindery_known=$bindery_line$(LC_ALL=C /usr/bin/locale -a)$bindery_line
            case $bindery_value in
            *.UTF-8 | *.utf-8 | *.UTF8) bindery_listed=${bindery_value%.*}.utf8 ;;
            *) bindery_listed=$bindery_value ;;
            esac
            case $bindery_known in
            *"$bindery_line$bindery_listed$bindery_line"*) ;;
            *) bindery_value= ;;
            esac
            ;;
        esac
        export "$bindery_name=$bindery_value"
        ;;
    esac
done
set +f
IFS=$bindery_spaces

# The bundle of the host's distribution, where the site binds it; the image is a Debian and has its own elsewhere.
for bindery_one in /etc/pki/tls/certs/ca-bundle.crt /etc/ssl/ca-bundle.pem; do
    if [ -r "$bindery_one" ]; then
        export SSL_CERT_FILE="${SSL_CERT_FILE:-$bindery_one}"
        export REQUESTS_CA_BUNDLE="${REQUESTS_CA_BUNDLE:-$bindery_one}"
        export CURL_CA_BUNDLE="${CURL_CA_BUNDLE:-$bindery_one}"
        export GIT_SSL_CAINFO="${GIT_SSL_CAINFO:-$bindery_one}"
        break
    fi
done
unset bindery_host bindery_line bindery_spaces bindery_one bindery_name bindery_value bindery_known bindery_listed
