# Writes datagrams to sockets of the unix domain, which Node cannot. Standard input: frames of the number of a socket (one digit), a
# length (four bytes, big-endian) and so many bytes. The arguments are the paths of the sockets. Debian always has the Perl that this
# needs (perl-base). It ends with its standard input.
use strict;
use warnings;
use Socket;

# Who stops the service stops the daemon; what it says last still comes through here.
$SIG{TERM} = $SIG{INT} = $SIG{HUP} = 'IGNORE';
socket(my $socket, PF_UNIX, SOCK_DGRAM, 0) or exit 1;
binmode STDIN;
my @addresses = map { pack_sockaddr_un(s/^@/\0/r) } @ARGV;

while ((read(STDIN, my $head, 5) // 0) == 5) {
  my ($number, $length) = unpack 'aN', $head;
  (read(STDIN, my $body, $length) // 0) == $length or last;
  # Nobody listens: there is nobody to tell.
  send($socket, $body, 0, $addresses[$number]);
}
