# Runs gRPC's interop client with settings for which it has no options: a certificate of its own, and another server than Google's for tokens.
#   [INTEROP_CA=… INTEROP_KEY=… INTEROP_CERT=…] [INTEROP_TOKENS=http://…] ruby interop-client.rb client.rb <options of client.rb>
load ARGV.shift

if ENV.key?('INTEROP_CERT')
  def prod_creds
    GRPC::Core::ChannelCredentials.new(*%w[CA KEY CERT].map { |name| File.read(ENV.fetch("INTEROP_#{name}")) })
  end
end

if ENV.key?('INTEROP_TOKENS')
  def replace(owner, constant)
    owner.send(:remove_const, constant)
    owner.const_set(constant, ENV.fetch('INTEROP_TOKENS'))
  end
  replace(Google::Auth::ServiceAccountCredentials, :TOKEN_CRED_URI)
  replace(Google::Auth::GCECredentials, :COMPUTE_AUTH_TOKEN_URI)
  replace(Google::Auth::GCECredentials, :COMPUTE_CHECK_URI)
end

main
