import java.io.*;
import java.net.*;

public class MyClient {
    public static void main(String[] args) throws Exception {
        Socket socket = new Socket(args[0], Integer.parseInt(args[1]));
        String role = args[2].toUpperCase();
        ObjectOutputStream out = new ObjectOutputStream(socket.getOutputStream());
        ObjectInputStream in = new ObjectInputStream(socket.getInputStream());
        out.writeObject(new Message(Message.Type.REGISTER, role, ""));
        out.flush();

        Thread listener = new Thread(() -> {
            try {
                while (true) {
                    Message m = (Message) in.readObject();
                    System.out.println("* " + m.body);
                }
            } catch (Exception e) {
                System.out.println("Disconnected.");
            }
        });
        listener.setDaemon(true);
        listener.start();

        BufferedReader keyboard = new BufferedReader(new InputStreamReader(System.in));
        System.out.println("Type your text, or terminate:");
        String text;
        while ((text = keyboard.readLine()) != null) {
            if (text.trim().equals("terminate")) {
                out.writeObject(new Message(Message.Type.TERMINATE, role, ""));
                out.flush();
                break;
            }
            out.writeObject(new Message(Message.Type.DATA, role, text));
            out.flush();
        }
        socket.close();
    }
}
