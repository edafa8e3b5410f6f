//! A test CA, and a certificate for 127.0.0.1 that it signed.

use std::fs;
use std::path::Path;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};

use crate::Result;

pub(crate) fn write(directory: &Path) -> Result<()> {
    let ca_key = KeyPair::generate()?;
    let mut ca = CertificateParams::new(Vec::new())?;
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca_certificate = ca.self_signed(&ca_key)?;
    let issuer = Issuer::new(ca, ca_key);
    let key = KeyPair::generate()?;
    let server = CertificateParams::new(["127.0.0.1".to_owned()])?.signed_by(&key, &issuer)?;
    fs::create_dir_all(directory)?;
    fs::write(directory.join("ca.pem"), ca_certificate.pem())?;
    let pem = key.serialize_pem() + &server.pem();
    Ok(fs::write(directory.join("server.pem"), pem)?)
}
