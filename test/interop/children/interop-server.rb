# Starts gRPC's interop server at a free port and prints that port. With a certificate, the server has TLS. With the certificate of an
# authority too, clients need a certificate.
#   [INTEROP_CERT=… INTEROP_KEY=… [INTEROP_CA=…]] ruby interop-server.rb server.rb
require 'grpc'

module PrintedPort
  def add_http2_port(address, credentials)
    port = super(address, ENV.key?('INTEROP_CERT') ? own_credentials : credentials)
    puts port
    $stdout.flush
    port
  end

  def own_credentials
    ca, key, cert = %w[CA KEY CERT].map { |name| ENV["INTEROP_#{name}"]&.then { |file| File.read(file) } }
    GRPC::Core::ServerCredentials.new(ca, [{ private_key: key, cert_chain: cert }], !ca.nil?)
  end
end
GRPC::RpcServer.prepend(PrintedPort)

script = ARGV.shift
ARGV.push('--port', '0')
load script
