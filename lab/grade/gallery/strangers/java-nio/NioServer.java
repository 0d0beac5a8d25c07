import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.*;
import java.nio.charset.StandardCharsets;
import java.util.*;

/** Single-threaded server. Lines: ROLE:TOPIC first, then TOPIC:text. */
public class NioServer {
    static class Peer {
        final SocketChannel channel;
        final StringBuilder pending = new StringBuilder();
        String role, topic;
        Peer(SocketChannel c) { channel = c; }
    }

    private final Map<SelectionKey, Peer> peers = new HashMap<>();
    private final ByteBuffer buffer = ByteBuffer.allocate(8192);
    private boolean published;

    public static void main(String[] args) throws IOException {
        new NioServer().loop(Integer.parseInt(args[0]));
    }

    void loop(int port) throws IOException {
        Selector selector = Selector.open();
        ServerSocketChannel server = ServerSocketChannel.open();
        server.bind(new InetSocketAddress(port));
        server.configureBlocking(false);
        server.register(selector, SelectionKey.OP_ACCEPT);
        System.out.println("NIO broker on " + port);
        while (true) {
            selector.select();
            Iterator<SelectionKey> it = selector.selectedKeys().iterator();
            while (it.hasNext()) {
                SelectionKey key = it.next();
                it.remove();
                if (key.isAcceptable()) {
                    SocketChannel c = server.accept();
                    c.configureBlocking(false);
                    SelectionKey k = c.register(selector, SelectionKey.OP_READ);
                    peers.put(k, new Peer(c));
                    System.out.println("connect " + c.getRemoteAddress());
                } else if (key.isReadable()) {
                    read(key);
                }
            }
        }
    }

    private void read(SelectionKey key) {
        Peer p = peers.get(key);
        try {
            buffer.clear();
            if (p.channel.read(buffer) < 0) throw new IOException("end");
            buffer.flip();
            p.pending.append(StandardCharsets.UTF_8.decode(buffer));
            int nl;
            while ((nl = p.pending.indexOf("\n")) >= 0) {
                String line = p.pending.substring(0, nl).trim();
                p.pending.delete(0, nl + 1);
                if (line.equals("terminate")) throw new IOException("terminate");
                handle(p, line);
            }
        } catch (IOException e) {
            peers.remove(key);
            key.cancel();
            try {
                System.out.println("disconnect " + p.channel.getRemoteAddress() + " (" + e.getMessage() + ")");
                p.channel.close();
            } catch (IOException ignored) { }
        }
    }

    private void handle(Peer p, String line) throws IOException {
        int colon = line.indexOf(':');
        if (colon < 0) return;
        String head = line.substring(0, colon), tail = line.substring(colon + 1);
        if (p.role == null) {
            if ("late-not-served".equals(System.getenv("FAULT")) && published) head = "guest";
            p.role = head;
            p.topic = tail;
            System.out.println("register " + p.channel.getRemoteAddress() + " " + p.role + " " + p.topic);
            return;
        }
        System.out.println("message " + p.channel.getRemoteAddress() + " " + line);
        if (!p.role.equals("PUBLISHER")) return;
        published = true;
        for (Peer other : peers.values()) {
            if ("SUBSCRIBER".equals(other.role) && head.equals(other.topic)) {
                ByteBuffer out = ByteBuffer.wrap((head + ":" + tail + "\n").getBytes(StandardCharsets.UTF_8));
                try {
                    while (out.hasRemaining()) other.channel.write(out);
                } catch (IOException e) {
                    System.out.println("cannot write to a subscriber");
                }
            }
        }
    }
}
