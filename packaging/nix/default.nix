# ecache for Nix, from this source: `nix-build packaging/nix`.
{ pkgs ? import <nixpkgs> { } }:

pkgs.rustPlatform.buildRustPackage {
  pname = "ecache";
  version = (pkgs.lib.importTOML ../../Cargo.toml).workspace.package.version;
  src = pkgs.lib.cleanSource ../..;
  cargoLock.lockFile = ../../Cargo.lock;
  cargoBuildFlags = [ "--package" "ecache" "--features" "mongodb" ];
  # They want a home folder, terminals and mounts.
  doCheck = false;
  nativeBuildInputs = [ pkgs.installShellFiles ];
  postInstall = ''
    installManPage man/*
    installShellCompletion --bash completions/ecache.bash --zsh completions/_ecache \
      --fish completions/ecache.fish
  '';
  meta = {
    description = "Inspect, warm, invalidate and prune execution caches from the command line";
    license = with pkgs.lib.licenses; [ mit asl20 ];
    platforms = pkgs.lib.platforms.linux;
    mainProgram = "ecache";
  };
}
