//! Proves that the committed code is what the `.proto` files say. `RIPCORD_REGENERATE=1` writes it anew.
#![allow(missing_docs, clippy::unwrap_used)]

use std::{fs, path::Path};

use prost::Message as _;

const FILES: [(&str, &str); 2] = [
    ("ripcord.v1.rs", "src/generated/ripcord.v1.rs"),
    ("ripcord.v1.fds", "src/generated/ripcord.v1.fds"),
];

#[test]
fn generated_code_is_what_the_proto_files_say() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let fresh = tempfile::tempdir().unwrap();
    generate(root, fresh.path());
    for (name, committed) in FILES {
        let now = fs::read(fresh.path().join(name)).unwrap();
        let committed = root.join(committed);
        if std::env::var_os("RIPCORD_REGENERATE").is_some() {
            fs::write(&committed, &now).unwrap();
        }
        assert!(
            fs::read(&committed).unwrap_or_default() == now,
            "{} is stale: run `RIPCORD_REGENERATE=1 cargo test -p ripcord-proto`",
            committed.display()
        );
    }
}

fn generate(root: &Path, out: &Path) {
    let mut compiler = protox::Compiler::new([root]).unwrap();
    compiler.include_source_info(true).include_imports(true);
    compiler.open_files(["ripcord/v1/agent.proto"]).unwrap();
    let with_comments = compiler.file_descriptor_set();
    tonic_prost_build::configure()
        .bytes(".ripcord.v1.StreamLogsResponse.batch")
        .out_dir(out)
        .compile_fds(with_comments.clone())
        .unwrap();
    let mut bare = with_comments;
    bare.file.iter_mut().for_each(|file| file.source_code_info = None);
    fs::write(out.join("ripcord.v1.fds"), bare.encode_to_vec()).unwrap();
}
