//! The real SDK, which trusts the test CA and nobody else.

use std::fs;
use std::path::Path;

use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::config::{BehaviorVersion, Config, Credentials, Region};
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore, rustls_provider::CryptoMode};

use crate::Result;

pub(crate) fn client(directory: &Path, address: &str, port: &str) -> Result<Client> {
    let ca = fs::read(directory.join("ca.pem"))?;
    let trust = TrustStore::empty().with_pem_certificate(ca);
    let tls = TlsContext::builder().with_trust_store(trust).build()?;
    let http = Builder::new()
        .tls_provider(Provider::Rustls(CryptoMode::AwsLc))
        .tls_context(tls)
        .build_https();
    let config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::for_tests())
        .endpoint_url(format!("https://{address}:{port}"))
        .http_client(http);
    Ok(Client::from_conf(config.build()))
}
