# ecache for Homebrew, from the package on crates.io. `release/formula` adds the checksum of a package
# that is published; a tap holds the result as Formula/ecache.rb.
class Ecache < Formula
  desc "Inspect, warm, invalidate and prune execution caches"
  homepage "https://crates.io/crates/ecache"
  url "https://static.crates.io/crates/ecache/ecache-0.1.0.crate"
  license any_of: ["MIT", "Apache-2.0"]

  depends_on "rust" => :build

  def install
    system "cargo", "install", *std_cargo_args(features: "mongodb")
    man1.install Dir["man/*.1"]
    man5.install Dir["man/*.5"]
    man7.install Dir["man/*.7"]
    bash_completion.install "completions/ecache.bash" => "ecache"
    fish_completion.install "completions/ecache.fish"
    zsh_completion.install "completions/_ecache"
  end

  test do
    command = "#{bin}/ecache --db store.db run -- sh -c 'echo once >>runs; echo printed'"
    2.times { assert_equal "printed\n", shell_output(command) }
    assert_equal "once\n", (testpath/"runs").read
  end
end
